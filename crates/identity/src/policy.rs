//! What a caller may do: the registry's grants, asked in one place, and no by default.
//!
//! An unknown service or event type looks like an ungranted one, so that a refusal tells
//! nothing about what exists.

use lgsp_core::identifier::{AgencyCode, CodeKind, DossierCode, ProcedureCode};
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_registry::Client;

use crate::grant::{AuditGrant, OperateGrant, Principal, PublishGrant, QueryGrant, SourceGrant};
use crate::identity::Identity;
use crate::source;

impl Identity {
    /// Permits publishing events of a type from a source.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidRequest`] at `source` where it has another form than
    /// `/agencies/<agency code>/systems/<client id>`; [`ErrorCode::PermissionDenied`] where it
    /// names another client, or an agency that is not granted for this type.
    pub fn permit_publish(
        &self,
        caller: &Principal,
        source: &str,
        event_type: &str,
    ) -> Result<PublishGrant, Fault> {
        let (client, agency) = self.own_source(caller, source)?;
        require(client.publish().iter().any(|rule| rule.covers(event_type, &agency)))?;
        Ok(PublishGrant {
            client: client.id().clone(),
            agency,
            source: source.to_owned(),
            event_type: event_type.to_owned(),
        })
    }

    /// Permits reading the receipts of one's own source.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidRequest`] at `source` where it is malformed;
    /// [`ErrorCode::PermissionDenied`] where it names another client, or an agency in whose
    /// name the client may publish nothing.
    pub fn permit_source(&self, caller: &Principal, source: &str) -> Result<SourceGrant, Fault> {
        let (client, agency) = self.own_source(caller, source)?;
        require(client.publish().iter().any(|rule| rule.agencies().contains(&agency)))?;
        Ok(SourceGrant { client: client.id().clone(), agency, source: source.to_owned() })
    }

    /// Tells whether a caller may publish events of a type in the name of an agency: then it may
    /// also read its last record of an entity back.
    pub fn may_publish_for(
        &self,
        caller: &Principal,
        event_type: &str,
        agency: &AgencyCode,
    ) -> bool {
        // The log names an agency by its code of that day.
        let Some(agency) = self.agency_of_today(agency) else { return false };
        let covers =
            |client: &Client| client.publish().iter().any(|rule| rule.covers(event_type, &agency));
        self.registered(caller).is_ok_and(covers)
    }

    /// Tells whether a caller may publish events of a type in the name of any agency.
    pub fn may_publish(&self, caller: &Principal, event_type: &str) -> bool {
        let covers =
            |client: &Client| client.publish().iter().any(|rule| rule.types().contains(event_type));
        self.registered(caller).is_ok_and(covers)
    }

    /// Permits naming a dossier as the purpose of a query: it is of the agency that is responsible
    /// for the caller, or of one below it, by its code of today or of before.
    ///
    /// # Errors
    /// [`ErrorCode::DossierNotOpen`], which tells not whether there is such a dossier.
    pub fn permit_dossier(&self, grant: &QueryGrant, dossier: &DossierCode) -> Result<(), Fault> {
        let refused = || Fault::new(ErrorCode::DossierNotOpen);
        let agency = AgencyCode::parse(dossier.agency()).map_err(|_| refused())?;
        let mut above = self.agency_of_today(&agency);
        // The registry's agencies make a tree; what is bounded here is the patience.
        for _ in 0..16 {
            let Some(agency) = above else { break };
            if agency == grant.agency {
                return Ok(());
            }
            above = self.registry.agency(&agency).and_then(|agency| agency.parent().cloned());
        }
        Err(refused())
    }

    fn agency_of_today(&self, agency: &AgencyCode) -> Option<AgencyCode> {
        if self.registry.agency(agency).is_some() {
            return Some(agency.clone());
        }
        let now = self.clock.unix_millis();
        let current = self.registry.current_code(CodeKind::Agency, agency.as_str(), now)?;
        AgencyCode::parse(&current).ok()
    }

    /// Permits asking a service for a procedure, joined on the national part of its code; without a
    /// procedure only where the grant names none.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`].
    pub fn permit_query(
        &self,
        caller: &Principal,
        service: &str,
        procedure: Option<&ProcedureCode>,
    ) -> Result<QueryGrant, Fault> {
        let client = self.registered(caller)?;
        let rule = client.query().iter().find(|rule| rule.covers(service, procedure));
        let rule = rule.ok_or_else(denied)?;
        Ok(QueryGrant {
            client: client.id().clone(),
            agency: client.agency().clone(),
            service: service.to_owned(),
            procedure: procedure.cloned(),
            released: rule.released().clone(),
        })
    }

    /// Tells whether a caller may ask a service for some purpose: then it may also learn that there
    /// is such a service, and what it demands.
    pub fn may_query(&self, caller: &Principal, service: &str) -> bool {
        let names = |client: &Client| client.query().iter().any(|rule| rule.service() == service);
        self.registered(caller).is_ok_and(names)
    }

    /// Permits watching over the bus.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`].
    pub fn permit_operate(&self, caller: &Principal) -> Result<OperateGrant, Fault> {
        let client = self.registered(caller)?;
        require(client.may_operate())?;
        Ok(OperateGrant { client: client.id().clone() })
    }

    /// Permits reading the evidence of queries.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`].
    pub fn permit_audit(&self, caller: &Principal) -> Result<AuditGrant, Fault> {
        let client = self.registered(caller)?;
        require(client.may_audit())?;
        Ok(AuditGrant { client: client.id().clone(), agency: client.agency().clone() })
    }

    /// Returns the caller as the registry has it now: a stream may outlive a grant.
    fn registered(&self, caller: &Principal) -> Result<&Client, Fault> {
        self.registry.client(caller.client()).ok_or_else(denied)
    }

    /// Reads a source; an agency that it names by a code of before is told by that of today, by
    /// which grants name it.
    fn own_source(&self, caller: &Principal, source: &str) -> Result<(&Client, AgencyCode), Fault> {
        let client = self.registered(caller)?;
        let (agency, named) = source::parse(source)
            .ok_or_else(|| Fault::at(ErrorCode::InvalidRequest, "source", &rule::SOURCE))?;
        require(named == *client.id())?;
        let agency = self.agency_of_today(&agency).ok_or_else(denied)?;
        Ok((client, agency))
    }
}

fn require(holds: bool) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(denied()) }
}

fn denied() -> Fault {
    Fault::new(ErrorCode::PermissionDenied)
}
