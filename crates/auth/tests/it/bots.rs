//! Machine ID: tokens let a bot in once, its certificate counts its renewals, and what it gives out gives nothing more.

use jiff::SignedDuration;
use pki::KeyPair;
use tonic::{Code, Status};
use wire::keep::Kept;
use wire::pb::proto;
use wire::pb::proto::join_service_client::JoinServiceClient;
use wire::pb::teleport::header::v1 as header;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types;

use client::{Cluster, Identity};

use crate::calls::dial;
use crate::invariants::records;
use crate::people::{approve, ask, refusal, role, state_of};
use crate::world::{Plan, World, hours, no_limits, on_every_store, seconds};

/// A bot resource.
pub fn bot(name: &str, roles: &[&str]) -> machineid::Bot {
    machineid::Bot {
        kind: "bot".to_owned(),
        version: "v1".to_owned(),
        metadata: Some(header::Metadata {
            name: name.to_owned(),
            ..header::Metadata::default()
        }),
        spec: Some(machineid::BotSpec {
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            ..machineid::BotSpec::default()
        }),
        ..machineid::Bot::default()
    }
}

/// A token that lets one machine in as the bot called `bot`.
pub fn token(secret: &str, bot: &str) -> types::ProvisionTokenV2 {
    types::ProvisionTokenV2 {
        metadata: Some(types::Metadata {
            name: secret.to_owned(),
            ..types::Metadata::default()
        }),
        spec: Some(types::ProvisionTokenSpecV2 {
            roles: vec!["Bot".to_owned()],
            join_method: "token".to_owned(),
            bot_name: bot.to_owned(),
            ..types::ProvisionTokenSpecV2::default()
        }),
        ..types::ProvisionTokenV2::default()
    }
}

/// What a machine sends that joins with `token`.
pub fn joining(token: &str, key: &KeyPair) -> types::RegisterUsingTokenRequest {
    let line = key.public().to_ssh_line().into_bytes();
    types::RegisterUsingTokenRequest {
        role: "Bot".to_owned(),
        token: token.to_owned(),
        public_tls_key: line.clone().into(),
        public_ssh_key: line.into(),
        ..types::RegisterUsingTokenRequest::default()
    }
}

/// A machine that has joined.
pub struct Machine {
    pub cluster: Cluster,
    pub name: String,
}

impl Machine {
    fn identity(&self) -> std::sync::Arc<Identity> {
        self.cluster.identity().current()
    }

    pub fn instance(&self) -> String {
        self.identity()
            .certified()
            .bot_instance
            .clone()
            .expect("an instance")
    }

    pub fn generation(&self) -> u64 {
        self.identity().certified().generation
    }
}

impl World {
    /// A token for the bot called `bot`, which need not be there.
    pub async fn bot_token(&self, bot: &str) -> String {
        let secret = self.uuid().replace('-', "");
        self.plant(format!("a token for {bot}"), secret.clone());
        let mut wanted = token(&secret, bot);
        wanted.metadata.get_or_insert_default().expires =
            Some(wire::convert::timestamp(self.now() + hours(1)));
        self.put_token(wanted).await.expect("stored");
        secret
    }

    async fn put_token(&self, token: types::ProvisionTokenV2) -> Result<(), Status> {
        let request = proto::UpsertTokenV2Request {
            token: Some(proto::upsert_token_v2_request::Token::V2(Kept::from(token))),
        };
        self.admin.auth().upsert_token_v2(request).await.map(|_| ())
    }

    /// A bot that may take `roles`, and a token for it.
    pub async fn bot(&self, name: &str, roles: &[&str]) -> String {
        let request = machineid::CreateBotRequest {
            bot: Some(Kept::from(bot(name, roles))),
        };
        self.admin.bots().create_bot(request).await.expect("a bot");
        self.bot_token(name).await
    }

    async fn join(&self, token: &str) -> Result<Machine, Status> {
        let key = self.key();
        let mut nobody = JoinServiceClient::new(dial(self, None));
        let answer = nobody
            .register_using_token(joining(token, &key))
            .await?
            .into_inner();
        let identity = self.identity(&key, &answer.tls);
        Ok(Machine {
            name: identity.user().to_owned(),
            cluster: self.dial(identity),
        })
    }

    /// A machine that has joined as a new bot.
    pub async fn machine(&self, name: &str, roles: &[&str]) -> Machine {
        let token = self.bot(name, roles).await;
        self.join(&token).await.expect("joined")
    }

    async fn renewed(&self, machine: &Machine) -> Result<Machine, Status> {
        let cluster = self
            .certificate(&machine.cluster, |asked, now| {
                asked.expires = Some(wire::convert::timestamp(now + hours(1)));
            })
            .await?;
        Ok(Machine {
            name: machine.name.clone(),
            cluster,
        })
    }

    async fn output(&self, machine: &Machine, roles: &[&str]) -> Result<Cluster, Status> {
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        self.certificate(&machine.cluster, |asked, now| {
            asked.use_role_requests = true;
            asked.role_requests = roles;
            asked.expires = Some(wire::convert::timestamp(now + hours(1)));
        })
        .await
    }

    async fn told(&self, event: &str) -> usize {
        records(&self.store)
            .await
            .iter()
            .filter(|told| told.event() == event)
            .count()
    }
}

#[tokio::test]
async fn a_token_lets_one_machine_in_once() {
    on_every_store(async |world| {
        let token = world.bot("robot", &["access"]).await;
        let machine = world.join(&token).await.expect("joined");
        let certified = machine.identity().certified().clone();
        assert_eq!(machine.name, "bot-robot");
        assert_eq!((certified.renewable, certified.generation), (true, 1));
        assert_eq!(certified.groups, ["bot-robot"]);
        assert_eq!(certified.bot_name.as_deref(), Some("robot"));
        assert_eq!(certified.not_after, world.now() + hours(1));
        assert_eq!(
            certified.join_attributes.as_deref(),
            Some(r#"{"meta":{"join_method":"token"}}"#)
        );
        let (code, again) = refusal(world.join(&token).await.map(|_| ()));
        let (_, guessed) = refusal(world.join("0123456789abcdef").await.map(|_| ()));
        assert_eq!(code, Code::PermissionDenied);
        assert_eq!(again, guessed, "used and never made are told alike");
        assert_eq!(
            again,
            "\"\" can not join the cluster with role \"Bot\", token expired or not found"
        );
        assert_eq!(world.told("bot.join").await, 3);
    })
    .await;
}

#[tokio::test]
async fn two_machines_that_show_one_token_at_the_same_moment_are_one_and_a_refusal() {
    on_every_store(async |world| {
        let token = world.bot("robot", &["access"]).await;
        let both = futures::future::join(world.join(&token), world.join(&token)).await;
        let joined = usize::from(both.0.is_ok()) + usize::from(both.1.is_ok());
        assert_eq!(joined, 1);
    })
    .await;
}

/// E15: every wrong token is refused in the same words.
#[tokio::test]
async fn e15_what_is_wrong_with_a_token_is_not_told() {
    on_every_store(async |world| {
        let refused = async |token: &str, role: &str| {
            let mut asked = joining(token, &world.key());
            role.clone_into(&mut asked.role);
            let mut nobody = JoinServiceClient::new(dial(world, None));
            let status = nobody.register_using_token(asked).await.expect_err("refused");
            (status.code(), status.message().replace(role, "ROLE"))
        };
        let unknown = refused("0123456789abcdef", "Bot").await;
        let for_nobody = world.bot_token("ghost").await;
        let over = world.bot("robot", &["access"]).await;
        assert_eq!(refused(&over, "Node").await, unknown, "a role it is not for");
        assert_eq!(
            refused(&for_nobody, "Bot").await,
            unknown,
            "a bot that is not there"
        );
        world.clock.advance(hours(2));
        assert_eq!(refused(&over, "Bot").await, unknown, "its time is over");
        assert_eq!(refused("", "Bot").await, unknown, "no token");
    })
    .await;
}

/// E15: guesses are counted.
#[tokio::test]
async fn e15_whoever_guesses_tokens_is_slowed_down() {
    let rates = auth::guard::Rates {
        guesses: auth::guard::Rates::default().guesses,
        ..no_limits()
    };
    let plan = Plan {
        rates,
        ..Plan::default()
    };
    crate::world::on(plan, async |world| {
        let mut nobody = JoinServiceClient::new(dial(world, None));
        let mut codes = Vec::new();
        for guess in 0..50 {
            let asked = joining(&format!("guess-{guess:030}"), &world.key());
            let status = nobody.register_using_token(asked).await.expect_err("refused");
            codes.push(status.code());
        }
        assert_eq!(codes[0], Code::PermissionDenied);
        assert_eq!(codes[49], Code::ResourceExhausted);
    })
    .await;
}

#[tokio::test]
async fn each_renewal_counts_one_up_and_leaves_the_old_certificate_behind() {
    on_every_store(async |world| {
        let mut machine = world.machine("robot", &["access"]).await;
        for generation in 2..6 {
            world.clock.advance(hours(1) - seconds(60));
            machine = world.renewed(&machine).await.expect("renewed");
            assert_eq!(machine.generation(), generation);
        }
        let request = machineid::GetBotInstanceRequest {
            bot_name: "robot".to_owned(),
            instance_id: machine.instance(),
        };
        let mut instances = world.admin.bot_instances();
        let shown = instances
            .get_bot_instance(request)
            .await
            .expect("there")
            .into_inner();
        let status = shown.status.expect("a status");
        assert_eq!(
            status.latest_authentications.last().map(|last| last.generation),
            Some(5)
        );
        assert_eq!(
            status.initial_authentication.map(|first| first.generation),
            Some(1)
        );
    })
    .await;
}

/// E01: somebody has copied the bot's storage.
#[tokio::test]
async fn e01_two_copies_of_one_machine_are_noticed_and_locked() {
    on_every_store(async |world| {
        let stolen = world.machine("robot", &["access"]).await;
        let honest = world.renewed(&stolen).await.expect("renewed");
        let output = world.output(&honest, &["access"]).await.expect("an output");
        let instance = honest.instance();
        let (code, message) = refusal(world.renewed(&stolen).await.map(|_| ()));
        assert_eq!(code, Code::PermissionDenied);
        assert_eq!(
            message,
            format!("renewable cert generation mismatch for bot robot/{instance}: stored=2, presented=1")
        );
        for (who, cluster) in [
            ("the thief", &stolen.cluster),
            ("the honest one", &honest.cluster),
            ("its output", &output),
        ] {
            let status = cluster
                .auth()
                .ping(proto::PingRequest {})
                .await
                .expect_err("locked");
            assert!(
                status
                    .message()
                    .contains("locked due to a certificate generation mismatch"),
                "{who}: {}",
                status.message()
            );
        }
        assert_eq!(world.told("cert.generation_mismatch").await, 1);
        assert_eq!(world.told("lock.created").await, 1);
        // Joining anew helps nobody while the lock is there.
        let token = world.bot_token("robot").await;
        assert_eq!(
            refusal(world.join(&token).await.map(|_| ())).0,
            Code::PermissionDenied
        );
    })
    .await;
}

#[tokio::test]
async fn renewals_at_the_same_moment_are_one_too_many() {
    on_every_store(async |world| {
        let machine = world.machine("robot", &["access"]).await;
        let both = futures::future::join(world.renewed(&machine), world.renewed(&machine)).await;
        assert_eq!(usize::from(both.0.is_ok()) + usize::from(both.1.is_ok()), 1);
        assert_eq!(world.told("cert.generation_mismatch").await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_bot_gives_out_has_the_roles_and_gets_nothing_more() {
    on_every_store(async |world| {
        let machine = world.machine("robot", &["access", "auditor"]).await;
        let output = world.output(&machine, &["auditor"]).await.expect("an output");
        let certified = output.identity().current().certified().clone();
        assert_eq!(certified.groups, ["auditor"]);
        assert_eq!(certified.impersonator.as_deref(), Some("bot-robot"));
        assert!(certified.disallow_reissue && !certified.renewable && certified.generation == 0);
        for (what, answer) in [
            ("renew", world.certificate(&output, |_, _| {}).await),
            (
                "take roles",
                world
                    .certificate(&output, |asked, _| {
                        asked.use_role_requests = true;
                        asked.role_requests = vec!["access".to_owned()];
                    })
                    .await,
            ),
        ] {
            let (code, message) = refusal(answer.map(|_| ()));
            assert_eq!(code, Code::PermissionDenied, "{what}");
            assert_eq!(
                message, "access denied: identity is not allowed to reissue certificates",
                "{what}"
            );
        }
        assert_eq!(
            refusal(world.output(&machine, &["editor"]).await.map(|_| ())).0,
            Code::PermissionDenied,
            "a role the bot was not given"
        );
        // What may be seen follows the role: the auditor's list of locks, and not the bot's own certificate.
        let locks = |cluster: &Cluster| {
            let mut auth = cluster.auth();
            async move { auth.get_locks(proto::GetLocksRequest::default()).await }
        };
        assert!(locks(&machine.cluster).await.is_err());
        world
            .put_role(role(
                "locksmith",
                "allow:\n  rules: [{resources: [lock], verbs: [list, read]}]",
            ))
            .await
            .expect("stored");
        let other = world.machine("smith", &["locksmith"]).await;
        let output = world.output(&other, &["locksmith"]).await.expect("an output");
        assert!(locks(&output).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_role_taken_from_a_bot_counts_no_more_in_what_it_has_given_out() {
    on_every_store(async |world| {
        world
            .put_role(role(
                "locksmith",
                "allow:\n  rules: [{resources: [lock], verbs: [list, read]}]",
            ))
            .await
            .expect("stored");
        let machine = world.machine("smith", &["locksmith"]).await;
        let output = world.output(&machine, &["locksmith"]).await.expect("an output");
        let locks = async || {
            output
                .auth()
                .get_locks(proto::GetLocksRequest::default())
                .await
                .map(|_| ())
        };
        assert!(locks().await.is_ok());
        let request = machineid::UpdateBotRequest {
            bot: Some(Kept::from(bot("smith", &["access"]))),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["spec.roles".to_owned()],
            }),
        };
        let updated = world.admin.bots().update_bot(request).await.expect("updated");
        assert_eq!(
            updated.into_inner().spec.clone().expect("a spec").roles,
            ["access"]
        );
        assert_eq!(refusal(locks().await).0, Code::PermissionDenied);
    })
    .await;
}

/// A10: a bot may review what needs one approval, and counts for nothing where two are asked.
#[tokio::test]
async fn a_bots_review_is_no_persons() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let machine = world.machine("approver", &["dbreviewer"]).await;
        let output = world.output(&machine, &["dbreviewer"]).await.expect("an output");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let reviewed = approve(&output, &id).await.expect("stored");
        assert_eq!(reviewed.spec.as_ref().expect("a spec").reviews.len(), 1);
        approve(&cast.alice.cluster, &id).await.expect("stored");
        let now = crate::people::look(&cast.bob.cluster, &id).await.expect("there");
        assert_eq!(
            state_of(&now),
            types::RequestState::Pending,
            "one person is not two"
        );
    })
    .await;
}

#[tokio::test]
async fn a_deleted_bot_is_gone_with_everything_it_had() {
    on_every_store(async |world| {
        let machine = world.machine("robot", &["access"]).await;
        let unused = world.bot_token("robot").await;
        let request = machineid::DeleteBotRequest {
            bot_name: "robot".to_owned(),
        };
        world
            .admin
            .bots()
            .delete_bot(request.clone())
            .await
            .expect("deleted");
        assert_eq!(
            refusal(world.renewed(&machine).await.map(|_| ())).0,
            Code::PermissionDenied
        );
        // Another bot of that name is another bot.
        world.clock.advance(seconds(1));
        let request_again = machineid::CreateBotRequest {
            bot: Some(Kept::from(bot("robot", &["editor"]))),
        };
        world.admin.bots().create_bot(request_again).await.expect("a bot");
        assert_eq!(
            refusal(world.renewed(&machine).await.map(|_| ())).0,
            Code::PermissionDenied
        );
        assert_eq!(
            refusal(world.join(&unused).await.map(|_| ())).0,
            Code::PermissionDenied
        );
        world
            .admin
            .bots()
            .delete_bot(request.clone())
            .await
            .expect("deleted");
        let (code, message) = refusal(world.admin.bots().delete_bot(request).await);
        assert_eq!(code, Code::NotFound);
        assert!(
            message.starts_with("deleting bot user\n\tfetching bot user"),
            "{message}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_was_deleted_renews_no_more() {
    on_every_store(async |world| {
        let machine = world.machine("robot", &["access"]).await;
        let request = machineid::DeleteBotInstanceRequest {
            bot_name: "robot".to_owned(),
            instance_id: machine.instance(),
        };
        world
            .admin
            .bot_instances()
            .delete_bot_instance(request)
            .await
            .expect("deleted");
        let (code, message) = refusal(world.renewed(&machine).await.map(|_| ()));
        assert_eq!(code, Code::PermissionDenied);
        assert!(message.contains("join again"), "{message}");
    })
    .await;
}

#[tokio::test]
async fn only_a_bots_own_user_and_role_are_deleted_with_it() {
    on_every_store(async |world| {
        world
            .put_role(role("bot-carol", "allow: {}"))
            .await
            .expect("stored");
        world.user("bot-carol", &["bot-carol"]).await;
        let request = machineid::DeleteBotRequest {
            bot_name: "carol".to_owned(),
        };
        let (code, _) = refusal(world.admin.bots().delete_bot(request).await);
        assert_eq!(code, Code::InvalidArgument);
        let create = machineid::CreateBotRequest {
            bot: Some(Kept::from(bot("carol", &["editor"]))),
        };
        assert_eq!(
            refusal(world.admin.bots().create_bot(create).await).0,
            Code::AlreadyExists
        );
        let upsert = machineid::UpsertBotRequest {
            bot: Some(Kept::from(bot("carol", &["editor"]))),
        };
        assert_eq!(
            refusal(world.admin.bots().upsert_bot(upsert).await).0,
            Code::AlreadyExists
        );
        let asked = users::GetUserRequest {
            name: "bot-carol".to_owned(),
            ..users::GetUserRequest::default()
        };
        assert!(world.admin.users().get_user(asked).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn tokens_that_mean_nothing_are_refused() {
    on_every_store(async |world| {
        type Change = fn(&mut types::ProvisionTokenV2);
        let spoiled: [(&str, Change); 5] = [
            ("no role", |token| {
                token.spec.as_mut().expect("a spec").roles.clear();
            }),
            ("no bot", |token| {
                token.spec.as_mut().expect("a spec").bot_name.clear();
            }),
            ("administrators", |token| {
                token.spec.as_mut().expect("a spec").roles = vec!["Admin".to_owned()];
            }),
            ("a bot's name for a server", |token| {
                token.spec.as_mut().expect("a spec").roles = vec!["Node".to_owned()];
            }),
            ("no name", |token| {
                token.metadata.as_mut().expect("metadata").name.clear();
            }),
        ];
        for (what, spoil) in spoiled {
            let mut wanted = token("0123456789abcdef0123", "robot");
            spoil(&mut wanted);
            let (code, message) = refusal(world.put_token(wanted).await);
            assert_eq!(code, Code::InvalidArgument, "{what}: {message}");
        }
        let mut method = token("0123456789abcdef0123", "robot");
        method.spec.as_mut().expect("a spec").join_method = "iam".to_owned();
        assert_eq!(refusal(world.put_token(method).await).0, Code::Unimplemented);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_listed_and_removed_by_their_secret() {
    on_every_store(async |world| {
        let secret = world.bot_token("robot").await;
        let listed = world
            .admin
            .auth()
            .get_tokens(())
            .await
            .expect("a list")
            .into_inner();
        let names: Vec<String> = listed
            .provision_tokens
            .iter()
            .map(|token| token.metadata.clone().unwrap_or_default().name)
            .collect();
        assert_eq!(names, std::slice::from_ref(&secret));
        let request = types::ResourceRequest { name: secret };
        let mut auth = world.admin.auth();
        auth.delete_token(request.clone()).await.expect("deleted");
        let (code, message) = refusal(auth.delete_token(request.clone()).await);
        assert_eq!(code, Code::NotFound);
        assert!(!message.contains(&request.name), "the secret is not repeated");
    })
    .await;
}

#[tokio::test]
async fn a_machine_says_that_it_runs() {
    on_every_store(async |world| {
        let machine = world.machine("robot", &["access"]).await;
        for count in 0..12 {
            let heartbeat = machineid::BotInstanceStatusHeartbeat {
                hostname: format!("host-{count}"),
                ..Default::default()
            };
            let request = machineid::SubmitHeartbeatRequest {
                heartbeat: Some(heartbeat),
            };
            machine
                .cluster
                .bot_instances()
                .submit_heartbeat(request)
                .await
                .expect("noted");
        }
        let request = machineid::ListBotInstancesRequest {
            filter_bot_name: "robot".to_owned(),
            ..Default::default()
        };
        let listed = world.admin.bot_instances().list_bot_instances(request).await;
        let instances = listed.expect("a list").into_inner().bot_instances;
        let status = instances[0].status.clone().expect("a status");
        assert_eq!(status.initial_heartbeat.expect("the first").hostname, "host-0");
        assert_eq!(status.latest_heartbeats.len(), 10);
        assert_eq!(
            status.latest_heartbeats.last().expect("the last").hostname,
            "host-11"
        );
    })
    .await;
}

/// A year of one machine: often in a build that is made for speed, twice a day in others.
#[tokio::test]
async fn a_year_of_renewals_has_no_gap() {
    let (step, life) = if cfg!(debug_assertions) {
        (hours(11), hours(12))
    } else {
        (SignedDuration::from_mins(20), hours(1))
    };
    let world = World::open(Plan::default()).await;
    let mut machine = world.machine("robot", &["access"]).await;
    let year = world.now() + hours(365 * 24);
    let mut renewals = 0_u64;
    // The first one lasts an hour, as every one does that nobody asks more for.
    world.clock.advance(SignedDuration::from_mins(59));
    while world.now() < year {
        let cluster = world
            .certificate(&machine.cluster, |asked, now| {
                asked.expires = Some(wire::convert::timestamp(now + life));
            })
            .await
            .expect("renewed");
        machine = Machine {
            name: machine.name,
            cluster,
        };
        renewals += 1;
        if renewals.is_multiple_of(100) {
            world.output(&machine, &["access"]).await.expect("an output");
            world.sweep().await;
        }
        world.clock.advance(step);
    }
    assert_eq!(machine.generation(), renewals + 1);
    world.finish().await;
}
