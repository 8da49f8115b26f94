//! Who a browser's session is, on each request anew: the session as the database has it, its operator as the view has it.

use std::sync::Arc;

use actix_web::HttpRequest;

use super::app::{App, not_answering};
use super::cookie;
use super::problem::Problem;
use crate::domain::access::Reason;
use crate::people::People;
use crate::people::sessions::{Session, SessionOver};
use crate::projections::active::OperatorState;

/// A session that holds, and its operator.
pub struct Known {
    pub session: Session,
    pub operator: OperatorState,
}

/// `None` where there is no cookie, or nobody who could have given one.
pub fn presented<'a>(app: &'a App, request: &'a HttpRequest) -> Option<(&'a Arc<People>, &'a str)> {
    Some((app.people.as_ref()?, cookie::of(request, cookie::SESSION)?))
}

/// A session that was used just now, or the 401 that says why it opens nothing.
pub async fn known(app: &App, people: &People, cookie: &str) -> Result<Known, Problem> {
    let refused = |reason: Reason, detail| Problem::credential_refused(reason.word(), detail);
    let session = people.sessions.find(cookie).await?;
    let session =
        session.ok_or_else(|| refused(Reason::NotFound, "this session has ended; sign in again"))?;
    let look = |now| app.view.operator_state(session.operator).map(|operator| (operator, now));
    let (operator, now) = app.leased(look).await?.map_err(|_| not_answering())?;
    let operator =
        operator.ok_or_else(|| refused(Reason::NotFound, "this session's operator is not there"))?;
    people.sessions.judge(&session, &operator, now).map_err(|over| match over {
        SessionOver::OperatorDisabled => {
            refused(Reason::OwnerDisabled, "this operator is disabled, or was meanwhile")
        }
        SessionOver::Ended | SessionOver::Idle => {
            refused(Reason::Expired, "this session has expired; sign in again")
        }
    })?;
    let session = people.sessions.touch(&session, now).await?;
    Ok(Known { session, operator })
}
