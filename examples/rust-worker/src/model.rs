//! The methods that `gibbs conformance` calls.
use crate::handler::{Answer, Context, Methods};
use crate::pb::payload::Kind;
use base64::{Engine, prelude::BASE64_STANDARD};
use prost_types::{Struct, Value, value};
use std::time::{Duration, Instant};
use tokio::{runtime::Handle, time::timeout};
use tonic::Status;

pub fn add_to(methods: &mut Methods) {
    methods.insert("conformance.echo", |context| Ok(context.input.clone()));
    methods.insert("conformance.hold", |context| match sleep(context, milliseconds(context)?) {
        true => Ok(context.input.clone()),
        false => Err("cancelled".into()),
    });
    methods.insert("conformance.block", |context| {
        let until = Instant::now() + milliseconds(context)?;
        while Instant::now() < until {}
        Ok(context.input.clone())
    });
    methods.insert("conformance.fail", fail);
    methods.insert("conformance.context", tell);
    methods.insert("conformance.bytes", |context| {
        Ok(Some(Kind::Data(vec![0; number(context)? as usize])))
    });
}

/// Returns false, immediately, once the answer is no longer wanted.
fn sleep(context: &Context, time: Duration) -> bool {
    let cancelled = async { timeout(time, context.cancelled.cancelled()).await };
    Handle::current().block_on(cancelled).is_err()
}

/// Returns the input, if it is a number.
pub fn number(context: &Context) -> Result<f64, Status> {
    match &context.input {
        Some(Kind::Value(Value { kind: Some(value::Kind::NumberValue(number)) })) => Ok(*number),
        _ => Err(Status::invalid_argument("the input is not a number")),
    }
}

fn milliseconds(context: &Context) -> Result<Duration, Status> {
    Ok(Duration::from_secs_f64(number(context)?.max(0.0) / 1000.0))
}

fn fail(context: &Context) -> Answer {
    let Some(Kind::Value(Value { kind: Some(value::Kind::StructValue(how)) })) = &context.input
    else {
        return Err("the input is not an object".into());
    };
    let message = match how.fields.get("message").and_then(|it| it.kind.clone()) {
        Some(value::Kind::StringValue(message)) => message,
        _ => String::new(),
    };
    match how.fields.get("code").and_then(|it| it.kind.clone()) {
        Some(value::Kind::NumberValue(code)) => {
            Err(Status::new((code as i32).into(), message).into())
        }
        _ => Err(message.into()),
    }
}

fn tell(context: &Context) -> Answer {
    let job = &context.job;
    let metadata = job.metadata.iter().map(|entry| {
        let text = match entry.key.ends_with("-bin") {
            true => BASE64_STANDARD.encode(&entry.value),
            false => String::from_utf8_lossy(&entry.value).into_owned(),
        };
        (entry.key.clone(), Value::from(text))
    });
    let fields = [
        ("attempt", Value::from(f64::from(job.attempt))),
        ("request_id", Value::from(job.request_id.clone())),
        (
            "timeout_ms",
            job.timeout_ms
                .map_or(value::Kind::NullValue(0).into(), |ms| Value::from(f64::from(ms))),
        ),
        ("metadata", value::Kind::StructValue(Struct { fields: metadata.collect() }).into()),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    Ok(Some(Kind::Value(value::Kind::StructValue(Struct { fields }).into())))
}
