use std::sync::Arc;

use domain::access::Principal;
use domain::audit::{AuditKind, AuditTrail, NewAuditEvent, Origin};
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};
use domain::session::{EndReason, MockSessionRepository};
use domain::user::{
    AdministrationError, AdministrationService, Administrator, CreateAccountError, HashError, HashedPassword,
    InvalidPassword, MockPasswordHasher, MockUserRepository, NewAccount, RegistrationService, RightsChange, Role, User,
};
use secrecy::ExposeSecret as _;

use super::{SESSION, ada, caller, client, clock, ids, moment, program, silent_trail, stale_caller, trail_of, uuid};

/// Somebody whose account is managed.
const OTHER: UserId = UserId::from_uuid(uuid::Uuid::from_u128(101));

/// The ports of the use case. Unless a test says otherwise, none of them may be asked.
struct Ports {
    users: MockUserRepository,
    sessions: MockSessionRepository,
    hasher: MockPasswordHasher,
    audit: AuditTrail,
}

impl Ports {
    fn new() -> Self {
        Self::writing(silent_trail())
    }

    fn writing(audit: AuditTrail) -> Self {
        let (users, sessions) = (MockUserRepository::new(), MockSessionRepository::new());
        Self { users, sessions, hasher: MockPasswordHasher::new(), audit }
    }

    /// The account is there, or is not.
    fn finding(mut self, is_there: bool) -> Self {
        let found = is_there.then(|| User { id: OTHER, ..ada() });
        self.users.expect_find().withf(|id| *id == OTHER).returning(move |_| Ok(found.clone()));
        self
    }

    fn service(self) -> AdministrationService {
        let Self { users, sessions, hasher, audit } = self;
        let (users, hasher) = (Arc::new(users), Arc::new(hasher));
        let registration = RegistrationService::new(users.clone(), hasher.clone(), clock(), ids(), audit.clone());
        AdministrationService::new(users, Arc::new(sessions), hasher, registration, audit)
    }
}

fn by(caller: &Principal) -> Administrator {
    Administrator::of(caller, client())
}

/// Those that gave the password too long ago, or never did.
fn stale() -> [Administrator; 2] {
    [by(&stale_caller()), by(&program())]
}

/// Whether Ada did it to that account.
fn is_of_ada(event: &NewAuditEvent, kind: AuditKind, detail: Option<&str>) -> bool {
    let origin = Origin { actor: Some(ada().id), session_id: Some(SESSION), client: client() };
    (event.kind, &event.origin, event.at) == (kind, &origin, moment())
        && (event.subject, event.detail.as_deref()) == (Some(OTHER), detail)
}

fn account() -> NewAccount {
    let (username, email) = ("grace".to_owned(), "grace@example.org".to_owned());
    NewAccount { username, email, password: "a quiet secret".into() }
}

#[tokio::test]
async fn an_account_is_made_with_the_role_that_is_given() {
    for (administrator, role) in
        [(by(&caller()), Role::Admin), (by(&stale_caller()), Role::User), (Administrator::command_line(), Role::Admin)]
    {
        let mut ports = Ports::new();
        ports.hasher.expect_hash().once().returning(|_| Ok(HashedPassword::new("$hash")));
        let origin = administrator.origin().clone();
        ports
            .users
            .expect_create()
            .once()
            .withf(move |user, event| {
                user.role == role && (event.kind, &event.origin) == (AuditKind::UserCreated, &origin)
            })
            .returning(|_, _| Ok(()));
        let user = ports.service().create(&administrator, account(), role).await.unwrap();
        assert_eq!((user.username.as_str(), user.role), ("grace", role));
    }
}

#[tokio::test]
async fn an_administrator_is_made_only_by_who_gave_the_password_a_moment_ago() {
    for administrator in stale() {
        let refused = Ports::new().service().create(&administrator, account(), Role::Admin).await;
        assert!(matches!(refused, Err(CreateAccountError::NotFresh)), "{refused:?}");
    }
}

#[tokio::test]
async fn that_an_account_is_read_is_written_down_if_it_is_there() {
    let read = trail_of(|event| is_of_ada(event, AuditKind::AdminRead, Some("account")));
    let found = Ports::writing(read).finding(true).service().read(&by(&caller()), OTHER).await.unwrap();
    assert_eq!(found.unwrap().id, OTHER);
    let missing = Ports::new().finding(false).service().read(&by(&caller()), OTHER).await.unwrap();
    assert!(missing.is_none());
}

#[tokio::test]
async fn that_sessions_are_read_is_written_down_if_they_are_there() {
    let first = || PageRequest::first(Order::Ascending);
    let read = trail_of(|event| is_of_ada(event, AuditKind::AdminRead, Some("sessions")));
    let mut ports = Ports::writing(read).finding(true);
    let empty = |_, _| Ok(Page { items: Vec::new(), has_more: false });
    ports.sessions.expect_list().once().withf(|id, _| *id == OTHER).returning(empty);
    ports.service().sessions(&by(&caller()), OTHER, first()).await.unwrap();
    let missing = Ports::new().finding(false).service().sessions(&by(&caller()), OTHER, first()).await;
    assert!(matches!(missing, Err(ListError::NotFound)), "{missing:?}");
}

#[tokio::test]
async fn somebodys_sessions_end_together() {
    let mut ports = Ports::new().finding(true);
    ports
        .sessions
        .expect_end_all()
        .once()
        .withf(|owner, keep, reason, event| {
            (*owner, *keep, *reason) == (OTHER, None, EndReason::ByAdmin)
                && is_of_ada(event, AuditKind::SessionsEnded, None)
        })
        .returning(|_, _, _, _| Ok(vec![SESSION, SessionId::from_uuid(uuid(203))]));
    assert_eq!(ports.service().end_sessions(&by(&stale_caller()), OTHER).await.unwrap(), 2);
    let missing = Ports::new().finding(false).service().end_sessions(&by(&caller()), OTHER).await;
    assert!(matches!(missing, Err(AdministrationError::NotFound)), "{missing:?}");
}

#[tokio::test]
async fn rights_change_and_what_stands_against_it_is_told() {
    type Verdict = fn(&Result<(), AdministrationError>) -> bool;
    let cases: [(RightsChange, Verdict); 4] = [
        (RightsChange::Made(Vec::new()), |result| result.is_ok()),
        (RightsChange::Unchanged, |result| result.is_ok()),
        (RightsChange::NotFound, |result| matches!(result, Err(AdministrationError::NotFound))),
        (RightsChange::LastAdmin, |result| matches!(result, Err(AdministrationError::LastAdmin))),
    ];
    for (change, is_expected) in cases {
        let (mut ports, answer) = (Ports::new(), change.clone());
        ports
            .users
            .expect_set_role()
            .once()
            .withf(|id, role, event| {
                (*id, *role) == (OTHER, Role::Admin) && is_of_ada(event, AuditKind::RoleChanged, Some("admin"))
            })
            .return_once(|_, _, _| Ok(answer));
        let result = ports.service().set_role(&by(&caller()), OTHER, Role::Admin).await;
        assert!(is_expected(&result), "{change:?}: {result:?}");
        for (is_active, kind) in [(true, AuditKind::UserEnabled), (false, AuditKind::UserDisabled)] {
            let (mut ports, answer) = (Ports::new(), change.clone());
            ports
                .users
                .expect_set_active()
                .once()
                .withf(move |id, active, event| (*id, *active) == (OTHER, is_active) && is_of_ada(event, kind, None))
                .return_once(|_, _, _| Ok(answer));
            let result = ports.service().set_active(&by(&caller()), OTHER, is_active).await;
            assert!(is_expected(&result), "{change:?}: {result:?}");
        }
    }
}

#[tokio::test]
async fn rights_and_passwords_change_only_for_who_gave_the_password_a_moment_ago() {
    for administrator in stale() {
        let service = Ports::new().service();
        for refused in [
            service.set_role(&administrator, OTHER, Role::Admin).await,
            service.set_active(&administrator, OTHER, false).await,
            service.reset_password(&administrator, OTHER, "a louder secret".into()).await,
        ] {
            assert!(matches!(refused, Err(AdministrationError::NotFresh)), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn a_password_is_reset_and_every_session_ends() {
    for stored in [Some(Vec::new()), None] {
        let is_stored = stored.is_some();
        let mut ports = Ports::new().finding(true);
        ports
            .hasher
            .expect_hash()
            .once()
            .withf(|password| password.secret().expose_secret() == "a louder secret")
            .returning(|_| Ok(HashedPassword::new("$new")));
        ports
            .users
            .expect_set_password()
            .once()
            .withf(|id, hash, keep, event| {
                (*id, hash.expose(), *keep) == (OTHER, "$new", None) && is_of_ada(event, AuditKind::PasswordReset, None)
            })
            .return_once(|_, _, _, _| Ok(stored));
        let result = ports.service().reset_password(&by(&caller()), OTHER, "a louder secret".into()).await;
        match result {
            Ok(()) => assert!(is_stored),
            Err(AdministrationError::NotFound) => assert!(!is_stored, "it was deleted meanwhile"),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_password_that_is_reset_keeps_the_rules() {
    for (new, reason) in [("short", InvalidPassword::TooShort), ("ada@example.org", InvalidPassword::TooCommon)] {
        let service = Ports::new().finding(true).service();
        let refused = service.reset_password(&by(&caller()), OTHER, new.into()).await;
        assert!(matches!(&refused, Err(AdministrationError::Password(told)) if *told == reason), "{refused:?}");
    }
    let missing = Ports::new().finding(false).service().reset_password(&by(&caller()), OTHER, "x".into()).await;
    assert!(matches!(missing, Err(AdministrationError::NotFound)), "{missing:?}");
    let mut ports = Ports::new().finding(true);
    ports.hasher.expect_hash().once().returning(|_| Err(HashError::Overloaded));
    let busy = ports.service().reset_password(&by(&caller()), OTHER, "a louder secret".into()).await;
    assert!(matches!(busy, Err(AdministrationError::Overloaded)), "{busy:?}");
}
