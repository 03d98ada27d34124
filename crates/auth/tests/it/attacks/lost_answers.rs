//! E01, where a renewal's answer was lost: the machine may ask for the same certificate again, and nobody else gains by it.

use access::ambient::SeededEntropy;
use pki::{Algorithm, KeyPair};
use prost::Message as _;
use tonic::{Code, Status};
use wire::convert::timestamp;
use wire::pb::proto::UserCertsRequest;
use wire::pb::teleport::machineid::v1::BotInstance;

use crate::bots::Machine;
use crate::flaws::{Flaw, attack, below, rewritten};
use crate::people::refusal;
use crate::world::{World, hours, on_every_store, seconds};

/// The key of somebody who has copied a bot's storage.
fn thiefs_key() -> KeyPair {
    KeyPair::generate(Algorithm::P256, &SeededEntropy::named("thief")).expect("a key")
}

impl World {
    /// Asks for the next certificate of `machine` with an SSH key and a TLS key; gives the TLS certificate.
    async fn ask_next(&self, machine: &Machine, ssh: &KeyPair, tls: &KeyPair) -> Result<Vec<u8>, Status> {
        let request = UserCertsRequest {
            username: machine.name.clone(),
            expires: Some(timestamp(self.now() + hours(1))),
            ssh_public_key: ssh.public().to_ssh_line().into_bytes().into(),
            tls_public_key: tls.public().to_ssh_line().into_bytes().into(),
            ..UserCertsRequest::default()
        };
        let answer = machine.cluster.auth().generate_user_certs(request).await?;
        Ok(answer.into_inner().tls.to_vec())
    }

    fn machine_with(&self, name: &str, key: &KeyPair, certificate: &[u8]) -> Machine {
        Machine {
            name: name.to_owned(),
            cluster: self.dial(self.identity(key, certificate)),
        }
    }
}

fn is_a_mismatch<T>(answer: Result<T, Status>) {
    let (code, message) = refusal(answer.map(|_| ()));
    assert_eq!(code, Code::PermissionDenied, "asking was refused: {message}");
    assert!(
        message.contains("generation mismatch"),
        "asking was refused: {message}"
    );
}

#[tokio::test]
async fn a_machine_whose_answer_was_lost_asks_again_and_goes_on() {
    on_every_store(async |world| {
        let machine = world.machine("robot", &["access"]).await;
        let key = world.key();
        for _lost in 0..3 {
            world.ask_next(&machine, &key, &key).await.expect("issued");
            world.clock.advance(seconds(60));
        }
        let arrived = world.ask_next(&machine, &key, &key).await.expect("issued again");
        let machine = world.machine_with(&machine.name, &key, &arrived);
        assert_eq!(
            machine.generation(),
            2,
            "counted once, however often it was asked for"
        );
        let next = world.key();
        let arrived = world.ask_next(&machine, &next, &next).await.expect("goes on");
        assert_eq!(world.machine_with("bot-robot", &next, &arrived).generation(), 3);
    })
    .await;
}

#[tokio::test]
async fn e01_who_asks_again_for_another_key_holds_a_copy() {
    // The key of the last certificate is taken for whatever is asked for.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            let item = item?;
            if !below(key, "bot_instances") {
                return Some(item);
            }
            let mut instance = BotInstance::decode(item.value.clone()).expect("an instance");
            let proofs = &mut instance.status.get_or_insert_default().latest_authentications;
            proofs.last_mut().expect("a proof").public_key =
                thiefs_key().public().to_ssh_line().into_bytes().into();
            Some(rewritten(item, instance.encode_to_vec()))
        })),
        ..Flaw::unconditional()
    };
    attack(flaw, "the call was not refused", async |world| {
        let stolen = world.machine("robot", &["access"]).await;
        let (honest, thief) = (world.key(), thiefs_key());
        world.ask_next(&stolen, &honest, &honest).await.expect("renewed");
        world.bend();
        is_a_mismatch(world.ask_next(&stolen, &thief, &thief).await);
    })
    .await;
}

#[tokio::test]
async fn e01_half_of_the_lost_certificate_for_a_key_of_ones_own_is_a_copy() {
    for thief_has in ["the SSH key", "the TLS key"] {
        on_every_store(async |world| {
            let stolen = world.machine("robot", &["access"]).await;
            let (honest, thief) = (world.key(), thiefs_key());
            world.ask_next(&stolen, &honest, &honest).await.expect("renewed");
            let (ssh, tls) = if thief_has == "the SSH key" {
                (&thief, &honest)
            } else {
                (&honest, &thief)
            };
            is_a_mismatch(world.ask_next(&stolen, ssh, tls).await);
        })
        .await;
    }
}

#[tokio::test]
async fn e01_what_was_renewed_since_or_long_ago_is_not_issued_again() {
    on_every_store(async |world| {
        let first = world.machine("robot", &["access"]).await;
        let (second, third) = (world.key(), world.key());
        let arrived = world.ask_next(&first, &second, &second).await.expect("renewed");
        let renewed = world.machine_with(&first.name, &second, &arrived);
        world.ask_next(&renewed, &third, &third).await.expect("renewed");
        is_a_mismatch(world.ask_next(&first, &second, &second).await);
    })
    .await;
    on_every_store(async |world| {
        let young = world.machine("robot", &["access"]).await;
        let long_lived = world
            .certificate(&young.cluster, |asked, now| {
                asked.expires = Some(timestamp(now + hours(5)));
            })
            .await
            .expect("renewed");
        let machine = Machine {
            cluster: long_lived,
            name: young.name,
        };
        let key = world.key();
        world.ask_next(&machine, &key, &key).await.expect("renewed");
        world.clock.advance(hours(1));
        is_a_mismatch(world.ask_next(&machine, &key, &key).await);
    })
    .await;
}
