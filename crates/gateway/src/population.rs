//! The population database, typed: a face of the declared service `population`.

use std::time::Instant;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::Request as HttpRequest;
use lgsp_core::{ErrorCode, Fault};
use lgsp_identity::Principal;
use lgsp_proto::query::v1::population_service_server::PopulationService;
use lgsp_proto::query::v1::{LookUpCitizenRequest, LookUpCitizenResponse};
use lgsp_query::Question;
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use crate::door::RequestId;
use crate::problem::{Problem, told};
use crate::query::{MAX_QUESTION_BYTES, meta, purpose};
use crate::routes::{Gateway, caller};
use crate::{deadline, json};

/// The declared service's name.
const POPULATION: &str = "population";

/// Makes the declared service's question of the typed one.
pub(crate) fn question(request: LookUpCitizenRequest) -> Question {
    let LookUpCitizenRequest { purpose: why, personal_number, full_name, birth_date } = request;
    let members =
        [("personalNumber", personal_number), ("fullName", full_name), ("birthDate", birth_date)];
    let body: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), Value::String(text?))))
        .collect();
    Question { purpose: purpose(why), body, place: "" }
}

impl Gateway {
    async fn look_up(
        &self,
        caller: &Principal,
        request_id: String,
        request: LookUpCitizenRequest,
        deadline: Instant,
    ) -> Result<LookUpCitizenResponse, Fault> {
        let question = question(request);
        let answer = self.query.ask(caller, &request_id, POPULATION, question, deadline).await?;
        let meta = Some(meta(&answer, request_id));
        // A grant of existence alone releases no record.
        let citizen = if answer.record.contains_key("exists") {
            None
        } else {
            let record = Value::Object(answer.record);
            let citizen = json::message("lgsp.query.v1.Citizen", record);
            Some(citizen.map_err(|_| Fault::new(ErrorCode::Internal))?)
        };
        Ok(LookUpCitizenResponse { citizen, meta })
    }
}

#[tonic::async_trait]
impl PopulationService for Gateway {
    async fn look_up_citizen(
        &self,
        request: Request<LookUpCitizenRequest>,
    ) -> Result<Response<LookUpCitizenResponse>, Status> {
        let extensions = request.extensions().clone();
        let caller = caller(&extensions).map_err(|fault| told(&fault, &extensions))?;
        let deadline = deadline::of(request.metadata().as_ref());
        let RequestId(request_id) = extensions.get().cloned().unwrap_or_default();
        let answer = self.look_up(&caller, request_id, request.into_inner(), deadline).await;
        answer.map(Response::new).map_err(|fault| told(&fault, &extensions))
    }
}

/// `POST /v1/population/citizens:lookUp`.
pub(crate) async fn look_up_citizen(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: HttpRequest<Body>,
) -> Result<axum::response::Response, Problem> {
    let work = async {
        let caller = caller(request.extensions())?;
        let deadline = deadline::of(request.headers());
        let body = json::body(request.into_body(), MAX_QUESTION_BYTES).await?;
        let question = json::read("lgsp.query.v1.LookUpCitizenRequest", &body)?;
        let answer = gateway.look_up(&caller, request_id.clone(), question, deadline).await?;
        json::write("lgsp.query.v1.LookUpCitizenResponse", &answer)
    };
    work.await.map_err(|fault| Problem::new(fault, &request_id))
}
