//! Secrets: in files of their own, read when they are needed, and wiped after that.

use std::path::Path;

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

/// The longest file of a secret, in octets.
const SECRET_MAX: usize = 4096;

/// The first line of the file. It may change at any time: the next use has the new one.
///
/// # Errors
/// When it cannot be read, or has none; in words that do not repeat what is in it.
pub async fn read_secret(file: &Path) -> Result<Zeroizing<String>, String> {
    let shown = file.display();
    // With room from the start nothing is copied when the text grows.
    let mut octets = Zeroizing::new(Vec::with_capacity(SECRET_MAX + 1));
    let opened =
        tokio::fs::File::open(file).await.map_err(|error| format!("cannot read {shown}: {error}"))?;
    let read = opened.take(SECRET_MAX as u64 + 1).read_to_end(&mut octets).await;
    read.map_err(|error| format!("cannot read {shown}: {error}"))?;
    if octets.len() > SECRET_MAX {
        return Err(format!("{shown} has more than {SECRET_MAX} octets"));
    }
    let text = std::str::from_utf8(&octets).map_err(|_| format!("{shown} is not UTF-8"))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(format!("{shown} has no secret in its first line"));
    }
    let mut secret = Zeroizing::new(String::with_capacity(line.len()));
    secret.push_str(line);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_line_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        let shown = file.display().to_string();
        let told = async |text: Option<&[u8]>| {
            if let Some(text) = text {
                std::fs::write(&file, text).expect("our folder");
            }
            match read_secret(&file).await {
                Ok(secret) => secret.to_string(),
                Err(why) => why.replace(&shown, "FILE"),
            }
        };
        assert_eq!(told(None).await, "cannot read FILE: No such file or directory (os error 2)");
        assert_eq!(told(Some(b"s3cr3t \r\nmore\n")).await, "s3cr3t ");
        assert_eq!(told(Some(b"s3cr3t")).await, "s3cr3t");
        assert_eq!(told(Some(b"\nx")).await, "FILE has no secret in its first line");
        assert_eq!(told(Some(b"\xff")).await, "FILE is not UTF-8");
        assert_eq!(told(Some(&[b'x'; 4097])).await, "FILE has more than 4096 octets");
    }
}
