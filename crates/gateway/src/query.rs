//! Queries out: the population service over gRPC and its REST form.

use std::time::Instant;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::Request as HttpRequest;
use lgsp_core::Fault;
use lgsp_identity::Principal;
use lgsp_proto::query::v1::population_service_server::PopulationService;
use lgsp_proto::query::v1::{LookUpCitizenRequest, LookUpCitizenResponse};
use tonic::{Request, Response, Status};

use crate::door::RequestId;
use crate::problem::{Problem, told};
use crate::routes::{Gateway, caller};
use crate::{citizen, deadline, json};

/// The largest question, in bytes.
const MAX_QUESTION_BYTES: usize = 16 * 1024;

impl Gateway {
    async fn look_up(
        &self,
        caller: &Principal,
        request_id: String,
        request: LookUpCitizenRequest,
        deadline: Instant,
    ) -> Result<LookUpCitizenResponse, Fault> {
        let question = citizen::question(request)?;
        let answer = self.query.look_up_citizen(caller, &request_id, question, deadline).await?;
        Ok(citizen::answer(answer, request_id))
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
