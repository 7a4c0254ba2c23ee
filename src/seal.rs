//! The envelope that an entry is sealed in: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), and
//! the name under which the entry stands in the file.
//!
//! The additional data bind a sealed text to its entry, so an envelope that was moved to another
//! entry, or whose entry was prolonged, does not open. Opening has one answer to everything that is
//! wrong, `None`: the caller takes it for a miss. The 24-byte nonce is random, which is safe for
//! more envelopes than anybody will ever write with one key (section 3.1 of the draft).
//!
//! An envelope, version 1:
//!
//! | offset | bytes | what                                                            |
//! |-------:|------:|-----------------------------------------------------------------|
//! |      0 |     3 | magic: `KTC`                                                    |
//! |      3 |     1 | version: 1                                                      |
//! |      4 |     1 | algorithm: 1, XChaCha20-Poly1305                                |
//! |      5 |     1 | where the key came from ([`Source`]); told, not checked         |
//! |      6 |     8 | key id: the first bytes of HChaCha20(key, [`KEY_ID_INPUT`])     |
//! |     14 |    24 | nonce                                                           |
//! |     38 |     n | ciphertext, as long as the plaintext                            |
//! | 38 + n |    16 | tag                                                             |
//!
//! Additional data: the first 14 bytes of the envelope, then of its [`Context`] the entry's name (16
//! bytes) and the two stamps (8 bytes each), big-endian.

use chacha20::{R20, hchacha};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};

use crate::error::{Error, Kind, Result, reason};
use crate::keystore::{self, Source};
use crate::secret::{Key, SecretBytes};

const MAGIC_VERSION_ALGORITHM: [u8; 5] = *b"KTC\x01\x01";
const SOURCE_OFFSET: usize = MAGIC_VERSION_ALGORITHM.len();
const KEY_ID_OFFSET: usize = SOURCE_OFFSET + 1;
const HEADER_BYTES: usize = KEY_ID_OFFSET + 8;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const ADDITIONAL_BYTES: usize = HEADER_BYTES + 16 + 8 + 8;

/// What the key's id is derived from. Any constant would do.
const KEY_ID_INPUT: [u8; 16] = *b"k8s-token-cache\0";

/// What an envelope is bound to, besides its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The entry's name, which stands for the key's hash: a report has no more than the name.
    pub name: [u8; 16],
    pub created_unix_s: u64,
    pub expires_unix_s: u64,
}

/// Seals and opens with one key.
#[derive(Debug)]
pub struct Sealer {
    key: Key,
    source: Source,
}

impl Sealer {
    pub fn new(key: Key, source: Source) -> Sealer {
        Sealer { key, source }
    }

    /// The name of the entry for `key_hash`: without the encryption key it gives nothing away.
    ///
    /// XChaCha20 derives its subkeys by the same function from 16 bytes of random nonce. Should the
    /// two inputs ever meet, the name shows half of a subkey, and 128 unknown bits are left.
    pub fn entry_name(&self, key_hash: u128) -> [u8; 16] {
        let mut name = [0; 16];
        name.copy_from_slice(&self.derive(key_hash.to_be_bytes())[..16]);
        name
    }

    /// An envelope with a fresh nonce. Fails only where the system gives no random bytes.
    pub fn seal(&self, context: &Context, plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        keystore::fill_random(&mut nonce).map_err(|error| cannot_seal(&reason(&error)))?;
        self.seal_with_nonce(context, &nonce, plaintext)
    }

    /// The plaintext, if the envelope was sealed with this key for this context and is whole.
    pub fn open(&self, context: &Context, envelope: &[u8]) -> Option<SecretBytes> {
        let (header, rest) = envelope.split_first_chunk::<HEADER_BYTES>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        if *header != self.header(header[SOURCE_OFFSET]) {
            return None;
        }
        let mut text = SecretBytes::from(ciphertext.to_vec());
        decrypt(&self.key, nonce, &additional_data(header, context), text.expose_mut(), tag)?;
        Some(text)
    }

    fn seal_with_nonce(
        &self,
        context: &Context,
        nonce: &[u8; NONCE_BYTES],
        plaintext: &[u8],
    ) -> Result<Vec<u8>> {
        let header = self.header(self.source.code());
        let text_start = HEADER_BYTES + NONCE_BYTES;
        // All of it at once: growing would leave plaintext behind in freed memory.
        let mut envelope = Vec::with_capacity(text_start + plaintext.len() + TAG_BYTES);
        envelope.extend_from_slice(&header);
        envelope.extend_from_slice(nonce);
        envelope.extend_from_slice(plaintext);
        let tag = encrypt(&self.key, nonce, &additional_data(&header, context), &mut envelope[text_start..])
            .ok_or_else(|| cannot_seal("it is too long"))?;
        envelope.extend_from_slice(&tag);
        Ok(envelope)
    }

    fn header(&self, source: u8) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..SOURCE_OFFSET].copy_from_slice(&MAGIC_VERSION_ALGORITHM);
        header[SOURCE_OFFSET] = source;
        header[KEY_ID_OFFSET..].copy_from_slice(&self.derive(KEY_ID_INPUT)[..HEADER_BYTES - KEY_ID_OFFSET]);
        header
    }

    /// HChaCha20 is a pseudo-random function: its output tells nothing about the key.
    fn derive(&self, input: [u8; 16]) -> [u8; 32] {
        hchacha::<R20>(self.key.expose().into(), &input.into()).into()
    }
}

fn additional_data(header: &[u8; HEADER_BYTES], context: &Context) -> [u8; ADDITIONAL_BYTES] {
    let mut data = [0; ADDITIONAL_BYTES];
    let (front, stamps) = data.split_at_mut(HEADER_BYTES + 16);
    front[..HEADER_BYTES].copy_from_slice(header);
    front[HEADER_BYTES..].copy_from_slice(&context.name);
    stamps[..8].copy_from_slice(&context.created_unix_s.to_be_bytes());
    stamps[8..].copy_from_slice(&context.expires_unix_s.to_be_bytes());
    data
}

/// In place. `None` for a text beyond the cipher's limit of 256 GiB.
fn encrypt(key: &Key, nonce: &[u8; NONCE_BYTES], additional: &[u8], text: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let tag = cipher.encrypt_inout_detached(nonce.into(), additional, InOutBuf::from(text)).ok()?;
    Some(tag.into())
}

/// In place. `None` if anything differs from what was encrypted; `text` is then still ciphertext.
fn decrypt(
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    additional: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Option<()> {
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    cipher.decrypt_inout_detached(nonce.into(), additional, InOutBuf::from(text), tag.into()).ok()
}

fn cannot_seal(why: &str) -> Error {
    Error::new(Kind::Cache, format!("cannot encrypt the credential: {why}"))
}
