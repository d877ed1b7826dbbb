//! The type of a handler, and how one runs.
use crate::pb::{Failure, Job, Payload, payload::Kind, result::Outcome};
use prost::Message;
use std::{collections::HashMap, error::Error};
use tokio_util::sync::CancellationToken;

/// The answer. An error fails the request as HANDLER_ERROR; a [`tonic::Status`] sets the code.
pub type Answer = Result<Option<Kind>, Box<dyn Error + Send + Sync>>;
/// May block: each call runs in its own thread.
pub type Handler = fn(&Context) -> Answer;
pub type Methods = HashMap<&'static str, Handler>;

/// The argument of a handler.
pub struct Context {
    pub input: Option<Kind>,
    pub job: Job,
    /// Fires when the answer is no longer wanted.
    pub cancelled: CancellationToken,
}

/// Runs a job; returns its outcome. A panic is left to the caller.
pub fn run(mut job: Job, cancelled: CancellationToken, handler: Handler) -> Outcome {
    let input = match Payload::decode(std::mem::take(&mut job.payload).as_slice()) {
        Ok(payload) => payload.kind,
        Err(why) => {
            return fail(0, "", &format!("the input cannot be decoded: {why}"), "MALFORMED");
        }
    };
    match handler(&Context { input, job, cancelled }) {
        Ok(kind) => Outcome::Payload(Payload { kind, ..Default::default() }.encode_to_vec()),
        Err(error) => match error.downcast_ref::<tonic::Status>() {
            Some(declared) => fail(declared.code().into(), "Status", declared.message(), ""),
            None => fail(0, "Error", &error.to_string(), ""),
        },
    }
}

pub fn fail(code: i32, class: &str, message: &str, reason: &str) -> Outcome {
    let message = message.chars().take(1024).collect();
    let (r#type, reason) = (class.into(), reason.into());
    Outcome::Failure(Failure { code, r#type, message, reason, ..Default::default() })
}
