//! What a target answers is written by somebody else.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::notify::target::NotifyConfig;
use crate::text::terminal::is_invisible;

/// A server that gives every connection this response, at once or when it was asked, and its port.
async fn server(answer: String, greets: bool) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            if !greets {
                let _ = peer.read(&mut [0; 64]).await;
            }
            let _ = peer.write_all(answer.as_bytes()).await;
            // What was asked is read, so that the response is not lost with the connection.
            let _ = tokio::io::copy(&mut peer, &mut tokio::io::sink()).await;
        }
    });
    port
}

#[tokio::test]
async fn the_reason_of_a_refusal_is_harmless_and_short_whatever_the_target_answers() {
    let said = format!("\u{1b}]0;x\u{7}\u{9b}31m\u{202e}no\u{200b}{}", "x".repeat(400));
    let mail = server(format!("{}554 {said}\r\n", format!("554-{said}\r\n").repeat(20)), true).await;
    let refusal = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{said}", said.len());
    let http = server(refusal, false).await;
    for toml in [
        format!(
            "[[email]]\nhost = '127.0.0.1'\nport = {mail}\nsecurity = 'none'\nfrom = 'a@example.com'\nto = ['b@example.com']"
        ),
        format!("[[webhook]]\nurl = 'http://127.0.0.1:{http}/hook'"),
        format!("[[slack]]\nurl = 'http://127.0.0.1:{http}/hook'"),
        format!("[[alertmanager]]\nurl = 'http://127.0.0.1:{http}'"),
    ] {
        let config: NotifyConfig = toml::from_str(&toml).unwrap();
        let targets = config.targets().unwrap();
        let alert = firing(RuleName::HighFailureRate, &[("service", "a")]);
        let error = targets[0].notifier.send(&notification(vec![alert], Vec::new())).await.unwrap_err();
        assert!(error.message.contains("]0;x") && error.message.contains("no"), "{error:?}");
        assert!(!error.message.contains(|c: char| c.is_control() || is_invisible(c)), "{error:?}");
        assert!(error.message.chars().count() <= 600, "{error:?}");
    }
}
