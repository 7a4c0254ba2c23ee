//! A long-running client: for each line on standard input it lists the namespaces once and prints "ok",
//! or "error" and why. The first call creates the client object; if that failed, the next call does.

use std::error::Error;

use kube::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut client = None;
    for _ in std::io::stdin().lines() {
        match call(&mut client).await {
            Ok(()) => println!("ok"),
            Err(error) => println!("error {}", error.to_string().replace('\n', " ")),
        }
    }
}

async fn call(client: &mut Option<Client>) -> Result<(), Box<dyn Error>> {
    let client = match client {
        Some(client) => client,
        None => client.insert(Client::try_default().await?),
    };
    let request = http::Request::get("/api/v1/namespaces").body(Vec::new())?;
    client.request_text(request).await?;
    Ok(())
}
