//! Generates the messages from the contract. protox compiles it without protoc.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    let files = ["gibbs/v1/payload.proto", "gibbs/v1/worker.proto"];
    let contract = protox::compile(files, ["../../proto"])?;
    tonic_prost_build::configure().build_server(false).compile_fds(contract)?;
    Ok(())
}
