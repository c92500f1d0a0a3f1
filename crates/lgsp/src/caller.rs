//! Calls of this program to a running bus, as any client would make them.

use std::time::Duration;

use anyhow::{Context, Result};
use lgsp_core::identifier::ClientId;
use lgsp_proto::audit::v1::audit_service_client::AuditServiceClient;
use lgsp_proto::ops::v1::ops_service_client::OpsServiceClient;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::data_dir::{DataDir, Running};

/// Puts the token into each call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    pub(crate) fn new(token: &str) -> Result<Self> {
        Ok(Self(format!("Bearer {token}").parse().context("the token fits into no header")?))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, tonic::Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A channel to a bus.
pub(crate) type Line = InterceptedService<Channel, Bearer>;

/// Opens a line to a bus with a token.
pub(crate) async fn open(base_url: &str, token: &str) -> Result<Line> {
    let endpoint = Channel::from_shared(base_url.to_owned())?
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(15));
    let channel =
        endpoint.connect().await.with_context(|| format!("no bus answers at {base_url}"))?;
    Ok(InterceptedService::new(channel, Bearer::new(token)?))
}

/// Makes a token of a client for the running bus.
pub(crate) fn token(data: &DataDir, running: &Running, client: &str) -> Result<String> {
    let id =
        ClientId::parse(client).map_err(|_| anyhow::anyhow!("{client:?} is no client's name"))?;
    let identity = data.identity(running.base_url.clone())?;
    Ok(identity.issue(&id)?.access_token)
}

/// Opens an operator's line to the bus that runs on a data folder.
pub(crate) async fn operator(data: &DataDir) -> Result<OpsServiceClient<Line>> {
    let running = data.running()?;
    let registry = lgsp_registry::Registry::load(&data.registry_dir())?;
    let operator = registry
        .clients()
        .find(|client| client.may_operate())
        .context("the registry grants `operate` to no client")?;
    let token = token(data, &running, operator.id().as_str())?;
    Ok(OpsServiceClient::new(open(&running.base_url, &token).await?))
}

/// Opens an auditor's line to the bus that runs on a data folder.
pub(crate) async fn auditor(data: &DataDir) -> Result<AuditServiceClient<Line>> {
    let running = data.running()?;
    let registry = lgsp_registry::Registry::load(&data.registry_dir())?;
    let auditor = registry
        .clients()
        .find(|client| client.may_audit())
        .context("the registry grants `audit` to no client")?;
    let token = token(data, &running, auditor.id().as_str())?;
    Ok(AuditServiceClient::new(open(&running.base_url, &token).await?))
}

/// Names a refused call by its sentence and code.
pub(crate) fn refused(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{} ({:?})", status.message(), status.code())
}
