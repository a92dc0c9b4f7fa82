//! Pages for a browser, as they come over TCP.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Server, asked, get};
use crate::api::{Source, Status};
use crate::control::ControlRequest;
use crate::model::Moment;

/// Answers so many questions for a status, and then no more.
async fn controller(requests: &mut tokio::sync::mpsc::Receiver<ControlRequest>, answers: usize) {
    for _ in 0..answers {
        let Some(ControlRequest::Status(reply)) = requests.recv().await else { panic!("another request") };
        drop(reply.send(Status::new("ns1", Source::Live, Moment::from_millis(1_795_363_451_007))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_browser_gets_pages_with_a_strict_policy() {
    let mut server = Server::start().await;
    let (one, two) = (server.stranger().await, server.stranger().await);
    let page = async { asked(one, &get("/")).await };
    let (page, ()) = tokio::join!(page, controller(&mut server.requests, 1));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("node <strong>ns1</strong>"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'; style-src 'self'"), "{page}");
    let path = page.split("href=\"").find(|part| part.starts_with("/assets/style-")).expect("a style sheet");
    let path = path.split('"').next().expect("its path");
    let style = asked(two, &get(path)).await;
    assert!(style.starts_with("HTTP/1.1 200") && style.contains("content-type: text/css"), "{style}");
    assert!(style.contains("cache-control: public, max-age=31536000, immutable"), "{style}");
    let old = asked(server.stranger().await, &get("/assets/style-00000000.css")).await;
    assert!(old.starts_with("HTTP/1.1 404"), "{old}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_path_is_a_page_for_a_browser_and_a_document_for_a_program() {
    let mut server = Server::start().await;
    let browser = "GET /nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/html\r\n\r\n";
    let stranger = server.stranger().await;
    let (page, ()) = tokio::join!(asked(stranger, browser), controller(&mut server.requests, 1));
    assert!(page.starts_with("HTTP/1.1 404") && page.contains("No such page"), "{page}");
    for path in ["/nowhere", "/api/v1/nowhere"] {
        let document = asked(server.stranger().await, &get(path)).await;
        assert!(document.starts_with("HTTP/1.1 404") && document.contains("problem+json"), "{document}");
    }
}

/// The last that it said is shown, with a banner; and a page that knows nothing says so.
#[tokio::test(start_paused = true)]
async fn a_page_outlives_the_controller() {
    let mut server = Server::start().await;
    let stranger = server.stranger().await;
    let (page, ()) =
        tokio::join!(async { asked(stranger, &get("/")).await }, controller(&mut server.requests, 1));
    assert!(!page.contains("does not answer"), "{page}");
    server.requests.close();
    let page = asked(server.stranger().await, &get("/")).await;
    let told = page.contains("The controller does not answer: it has stopped");
    // A status is shared for a moment; after that it is asked for in vain.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let later = asked(server.stranger().await, &get("/")).await;
    assert!(later.starts_with("HTTP/1.1 200") && later.contains("node <strong>ns1</strong>"), "{later}");
    assert!(told || later.contains("The controller does not answer: it has stopped"), "{later}");

    let mut new = Server::start().await;
    new.requests.close();
    let page = asked(new.stranger().await, &get("/")).await;
    assert!(page.starts_with("HTTP/1.1 503") && page.contains("Not to be had now"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_that_something_has_changed_and_that_it_is_alive() {
    let server = Server::start().await;
    let mut stream = server.stranger().await;
    stream.write_all(get("/events").as_bytes()).await.expect("room");
    let mut read = String::new();
    let mut until = async |wanted: &str| {
        while !read.contains(wanted) {
            let mut octets = [0; 1024];
            let length = stream.read(&mut octets).await.expect("it goes on");
            assert!(length > 0, "it has ended: {read}");
            read.push_str(&String::from_utf8_lossy(&octets[..length]));
        }
        std::mem::take(&mut read)
    };
    let begun = until("retry: 1000").await;
    assert!(begun.contains("content-type: text/event-stream"), "{begun}");
    let alive = until("event: alive").await;
    assert!(!alive.contains("changed"), "{alive}");
    // A flip is many reports at once: one word about all of them.
    (0..50).for_each(|_| server.feed.changed());
    until("event: changed").await;
    let next = until("event: alive").await;
    assert!(!next.contains("changed"), "{next}");
    drop(server);
}
