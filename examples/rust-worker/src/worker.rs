//! A worker: successive streams to the hub, and a thread for each job.
use crate::handler::{Handler, Methods, fail, run};
use crate::pb::hub_drain::Next;
use crate::pb::{self, hub_event, result::Outcome, worker_event::Event};
use std::{collections::HashMap, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming, transport::Endpoint};
use tonic_types::StatusExt;

const MAX_PAYLOAD: usize = 4 << 20;
const MAX_MESSAGE: usize = MAX_PAYLOAD + (256 << 10);
/// The result of a handler that has returned, and the number of its stream.
type Finished = (u64, pb::Result);

pub struct Worker {
    hub: String,
    methods: Methods,
    hello: pb::Hello,
    /// Slots without a handler. A handler whose stream was lost holds its slot until it returns.
    free: u32,
    finished: (UnboundedSender<Finished>, UnboundedReceiver<Finished>),
    terminate: Signal,
    stream: u64,
    now: Session,
}

/// The state of one stream.
#[derive(Default)]
struct Session {
    outbox: Option<UnboundedSender<pb::WorkRequest>>,
    welcome: Option<pb::Welcome>,
    /// Credit that the hub has not used yet.
    credit: u32,
    jobs: HashMap<u32, CancellationToken>,
    draining: bool,
    next: Option<Next>,
}

impl Worker {
    pub fn new(hub: String, methods: Methods, slots: u32) -> std::io::Result<Self> {
        let method = |name: &&str| pb::Method { name: name.to_string(), ..Default::default() };
        let hello = pb::Hello {
            worker_id: format!("rust-{}", std::process::id()),
            instance_id: rand::random::<[u8; 16]>().to_vec(),
            sdk: "gibbs-rust-example/0.1.0".into(),
            methods: methods.keys().map(method).collect(),
            heartbeat_mode: pb::HeartbeatMode::Always.into(),
            max_receive_bytes: Some(MAX_MESSAGE as u32),
            ..Default::default()
        };
        let (finished, now) = (unbounded_channel(), Session::default());
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { hub, methods, hello, free: slots, finished, terminate, stream: 0, now })
    }

    /// Serves until SIGTERM, the hub's request to exit, or a permanent refusal.
    pub async fn run(&mut self) -> Result<(), Status> {
        let (mut pause, mut away) = (0.1, Instant::now());
        loop {
            let end = self.serve().await;
            let lost = std::mem::take(&mut self.now);
            self.stream += 1;
            lost.jobs.values().for_each(CancellationToken::cancel);
            let asked = match lost.next {
                Some(Next::Exit(_)) => return Ok(()),
                Some(Next::ReconnectAfterMs(ms)) => Duration::from_millis(ms.into()),
                None => Duration::ZERO,
            };
            match end {
                Ok(true) => return Ok(()),
                Err(status) if is_final(&status) => return Err(status),
                Ok(_) => eprintln!("the hub ended the stream"),
                Err(status) => eprintln!("no connection to the hub: {}", status.message()),
            }
            if lost.welcome.is_some() {
                (pause, away) = (0.1, Instant::now());
            }
            let longest = if away.elapsed().as_secs() > 30 { 5.0 } else { 1.0 };
            pause = f64::min(longest, rand::random_range(0.1..=pause * 3.0));
            tokio::select! {
                _ = sleep(asked.max(Duration::from_secs_f64(pause))) => {}
                _ = self.terminate.recv() => return Ok(()),
            }
        }
    }

    /// Serves one stream, from the dial to its end. Returns true if the worker should stop.
    async fn serve(&mut self) -> Result<bool, Status> {
        while self.finished.1.try_recv().is_ok() {
            self.free += 1;
        }
        let (outbox, events) = unbounded_channel();
        self.now.outbox = Some(outbox);
        self.send(Event::Hello(self.hello.clone()));
        self.offer();
        let mut hub = tokio::select! {
            hub = timeout(Duration::from_secs(20), open(&self.hub, events)) => {
                hub.map_err(|_| Status::unavailable("the hub did not answer"))??
            }
            _ = self.terminate.recv() => return Ok(true),
        };
        let (mut heard, mut stop) = (Instant::now(), None);
        loop {
            let patience = self.now.welcome.as_ref().map_or(20_000, |it| it.hub_timeout_ms);
            let silent = heard + Duration::from_millis(patience.into());
            tokio::select! {
                // Messages that have already arrived are read before the hub is judged silent.
                biased;
                message = hub.message() => match message? {
                    Some(message) => {
                        heard = Instant::now();
                        message.events.into_iter().for_each(|it| self.receive(it.event));
                    }
                    None => return Ok(stop.is_some()),
                },
                Some((stream, result)) = self.finished.1.recv() => self.finish(stream, result),
                _ = self.terminate.recv(), if stop.is_none() => {
                    stop = Some(Instant::now() + Duration::from_secs(30));
                    self.now.draining = true;
                    self.send(Event::Drain(pb::WorkerDrain { reason: "SIGTERM".into() }));
                }
                _ = sleep_until(stop.unwrap_or(silent)), if stop.is_some() => return Ok(true),
                _ = sleep_until(silent) => {
                    if silent.elapsed() < Duration::from_secs(1) {
                        return Err(Status::unavailable("the hub was silent"));
                    }
                    heard = Instant::now(); // This process was suspended and could not listen.
                }
            }
        }
    }

    fn receive(&mut self, event: Option<hub_event::Event>) {
        match event {
            Some(hub_event::Event::Welcome(welcome)) => self.now.welcome = Some(welcome),
            Some(hub_event::Event::Heartbeat(_)) => self.beat(0),
            Some(hub_event::Event::Job(job)) => self.take(job),
            Some(hub_event::Event::Cancel(cancel)) => {
                self.now.jobs.get(&cancel.job_id).inspect(|job| job.cancel());
            }
            Some(hub_event::Event::Drain(drain)) => {
                self.now.draining = true;
                self.now.next = drain.next;
            }
            None => {} // From a later version.
        }
    }

    fn take(&mut self, job: pb::Job) {
        self.now.credit = self.now.credit.saturating_sub(1);
        match self.methods.get(job.method.as_str()) {
            Some(&handler) if self.free > 0 && !self.now.draining => self.start(job, handler),
            _ => {
                let execution = pb::Execution::NotStarted.into();
                let nack = pb::Nack { job_id: job.job_id, execution, ..Default::default() };
                self.send(Event::Nack(nack));
                self.offer();
            }
        }
    }

    fn start(&mut self, job: pb::Job, handler: Handler) {
        let (stream, job_id, finished) = (self.stream, job.job_id, self.finished.0.clone());
        let limit = job.timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        let cancelled = CancellationToken::new();
        self.free -= 1;
        self.now.jobs.insert(job_id, cancelled.clone());
        tokio::spawn(async move {
            let token = cancelled.clone();
            let mut running = tokio::task::spawn_blocking(move || run(job, token, handler));
            let outcome = tokio::select! {
                outcome = &mut running => outcome,
                _ = sleep(limit.unwrap_or_default()), if limit.is_some() => {
                    cancelled.cancel();
                    running.await
                }
            };
            let outcome =
                outcome.unwrap_or_else(|thrown| fail(0, "panic", &thrown.to_string(), ""));
            let _ = finished.send((stream, pb::Result { job_id, outcome: Some(outcome) }));
        });
    }

    /// Frees the slot. The outcome of a job whose stream was lost is dropped.
    fn finish(&mut self, stream: u64, mut result: pb::Result) {
        self.free += 1;
        if stream == self.stream {
            self.now.jobs.remove(&result.job_id);
            if let Some(Outcome::Payload(payload)) = &result.outcome {
                let (size, welcome) = (payload.len(), self.now.welcome.as_ref());
                let most = welcome.map_or(0, |it| MAX_PAYLOAD.min(it.max_payload_bytes as usize));
                if size > most {
                    let message = format!("the answer has {size} bytes, more than {most}");
                    result.outcome = Some(fail(0, "", &message, "RESULT_TOO_LARGE"));
                } else if size >= 256 << 10 {
                    self.beat(size as u32);
                }
            }
            self.send(Event::Result(result));
        }
        self.offer();
    }

    /// Gives credit for the free slots.
    fn offer(&mut self) {
        let slots = self.free.saturating_sub(self.now.credit);
        if slots > 0 && !self.now.draining {
            self.now.credit += slots;
            self.send(Event::Ready(pb::Ready { slots }));
        }
    }

    fn beat(&self, pending_bytes: u32) {
        self.send(Event::Heartbeat(pb::Heartbeat { pending_bytes }));
    }

    fn send(&self, event: Event) {
        let events = vec![pb::WorkerEvent { event: Some(event) }];
        self.now.outbox.as_ref().map(|outbox| outbox.send(pb::WorkRequest { events }));
    }
}

async fn open(
    hub: &str,
    events: UnboundedReceiver<pb::WorkRequest>,
) -> Result<Streaming<pb::WorkResponse>, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{hub}"))
        .map_err(|bad| Status::invalid_argument(bad.to_string()))?
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_while_idle(true);
    let channel = endpoint.connect().await.map_err(|gone| Status::unavailable(gone.to_string()))?;
    let mut client = pb::worker_service_client::WorkerServiceClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    Ok(client.work(UnboundedReceiverStream::new(events)).await?.into_inner())
}

fn is_final(status: &Status) -> bool {
    use Code::{
        FailedPrecondition, InvalidArgument, PermissionDenied, Unauthenticated, Unimplemented,
    };
    let codes =
        [FailedPrecondition, InvalidArgument, PermissionDenied, Unauthenticated, Unimplemented];
    let reason = status.get_details_error_info().map(|info| info.reason);
    codes.contains(&status.code()) || reason.as_deref() == Some("SUPERSEDED")
}
