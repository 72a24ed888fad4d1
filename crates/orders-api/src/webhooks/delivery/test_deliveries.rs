//! Test deliveries: a message that is sent once, by the delivery thread.

use std::sync::Arc;

use orders_core::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::run::Shared;
use super::sender::SendResult;
use super::signature::Message;

/// The number of tests that run at once, and of those that wait.
const MAX_TESTS: usize = 8;

/// Sends test deliveries.
pub(crate) struct TestSender(mpsc::Sender<TestDelivery>);

/// The test deliveries that wait to be sent.
pub(crate) struct TestQueue(mpsc::Receiver<TestDelivery>);

struct TestDelivery {
    url: String,
    message: Message,
    now: Timestamp,
    reply: oneshot::Sender<SendResult>,
}

/// Creates the queue of test deliveries.
pub(crate) fn test_queue() -> (TestSender, TestQueue) {
    let (sender, receiver) = mpsc::channel(MAX_TESTS);
    (TestSender(sender), TestQueue(receiver))
}

impl TestSender {
    /// Sends a message once. Returns `None` if too many tests wait, or at shutdown.
    pub(crate) async fn send(
        &self,
        url: String,
        message: Message,
        now: Timestamp,
    ) -> Option<SendResult> {
        let (reply, result) = oneshot::channel();
        self.0.try_send(TestDelivery { url, message, now, reply }).ok()?;
        result.await.ok()
    }
}

/// Sends the tests of a queue.
pub(super) async fn send_tests(shared: Arc<Shared>, mut queue: TestQueue) {
    let room = Arc::new(Semaphore::new(MAX_TESTS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let Some(TestDelivery { url, message, now, reply }) = queue.0.recv().await else { return };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let result = shared.sender.send(&url, &message, now).await;
            // A client that is gone needs no reply.
            drop((reply.send(result), permit));
        });
    }
}
