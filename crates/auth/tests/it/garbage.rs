//! Input that nobody should send: whatever comes in, what goes out has a class, and the server lives.

use access::ambient::{Entropy as _, SeededEntropy};
use tonic::Code;

use crate::calls::raw;
use crate::matrix::{ROWS, Stage};
use crate::world::{Plan, World, on_every_store};

/// A number below `end`, drawn from `entropy`.
fn below(entropy: &SeededEntropy, end: usize) -> usize {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    u32::from_le_bytes(bytes) as usize % end.max(1)
}

/// The message with something wrong: bytes turned, cut off, doubled, or none of it left.
fn spoiled(mut message: Vec<u8>, entropy: &SeededEntropy) -> Vec<u8> {
    match below(entropy, 5) {
        0 => {
            message.truncate(below(entropy, message.len() + 1));
            message
        }
        1 => message.repeat(1 + below(entropy, 3)),
        2 => {
            let mut noise = vec![0; 1 + below(entropy, 64)];
            entropy.fill(&mut noise);
            noise
        }
        _ => {
            for _ in 0..=below(entropy, 4) {
                let at = below(entropy, message.len());
                if let Some(byte) = message.get_mut(at) {
                    *byte ^= 1 << below(entropy, 8);
                }
            }
            message
        }
    }
}

#[tokio::test]
async fn no_input_is_answered_with_a_fault_of_ours() {
    let world = World::open(Plan::default()).await;
    let cast = world.cast().await;
    let mut people = 0;
    let entropy = SeededEntropy::named("garbage");
    for (service, rows) in ROWS {
        for row in *rows {
            let path = format!("/{service}/{}", row.split(':').next().unwrap_or_default());
            // Garbage closes doors and changes passwords: each row has somebody new to be about, and whoever may sign
            // people in comes last.
            people += 1;
            let mut stage = Stage::new(&world, &cast, &format!("dana{people}@example.com")).await;
            for by in [&world.admin, &cast.bob.cluster, &world.proxy] {
                let name = by.identity().current().user().to_owned();
                let message = stage.message(row, &name).await;
                for _ in 0..8 {
                    let sent = spoiled(message.clone(), &entropy);
                    let Err(status) = raw(by.calls(), &path, sent.clone()).await else {
                        continue;
                    };
                    let by_the_codec = status.code() == Code::Internal && status.message().contains("decode");
                    let known = !matches!(status.code(), Code::Unknown | Code::Internal | Code::DataLoss);
                    assert!(known || by_the_codec, "{path}: {status:?}\n{sent:02x?}");
                }
            }
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    on_every_store(async |world| {
        for path in [
            "/proto.AuthService/GetUserGroup",
            "/proto.AuthService/NoSuchCall",
            "/no.such.Service/Call",
        ] {
            let answer = raw(world.admin.calls(), path, Vec::new()).await;
            assert_eq!(crate::people::refusal(answer).0, Code::Unimplemented, "{path}");
        }
    })
    .await;
}
