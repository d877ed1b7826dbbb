//! A worker that squares numbers, and serves the methods of the conformance kit.
mod handler;
mod model;
mod worker;

/// The messages, generated from the contract.
mod pb {
    tonic::include_proto!("gibbs.v1");
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let hub = std::env::var("GIBBS_HUB").unwrap_or("127.0.0.1:5019".into());
    let mut methods = handler::Methods::new();
    methods.insert("square", |context| {
        let x = model::number(context)?;
        Ok(Some(pb::payload::Kind::Value((x * x).into())))
    });
    model::add_to(&mut methods);
    let end = worker::Worker::new(hub, methods, 4)?.run().await;
    if let Err(why) = &end {
        eprintln!("the worker stopped: {why}");
    }
    // Handlers whose answers are no longer wanted may still be running.
    std::process::exit(end.is_err().into())
}
