use std::sync::{Arc, Mutex};

use domain::Unexpected;
use domain::access::{Credential, Principal};
use domain::audit::{AuditEvent, AuditKind, AuditTrail, MockAuditLog, Origin};
use domain::background::MockBackground;
use domain::export::{
    Chunk, DownloadError, Export, ExportBegun, ExportDocument, ExportPorts, ExportService, ExportState,
    MockExportFormat, MockExportRepository, MockRecordRepository, Progress, Record, Section,
};
use domain::id::{AuditEventId, ExportId, ReplicaId, SessionId, UserId};
use domain::page::Page;
use domain::session::Client;
use domain::usage::MockUsageRepository;
use domain::user::{Email, MockUserRepository, Role, User, Username};
use futures_core::future::BoxFuture;
use futures_util::TryStreamExt as _;
use uuid::Uuid;

use crate::{clock, ids, moment};

fn owner() -> UserId {
    UserId::from_uuid(Uuid::from_u128(7))
}

fn caller() -> Principal {
    let credential = Credential::Session { id: SessionId::from_uuid(Uuid::from_u128(8)), is_fresh: false };
    let username = Username::try_from("ada".to_owned()).unwrap();
    Principal { user_id: owner(), username, role: Role::User, credential }
}

fn export(state: ExportState) -> Export {
    let id = ExportId::from_uuid(Uuid::from_u128(9));
    Export { id, state, progress: Progress::default(), created_at: moment(), expires_at: moment() }
}

/// A line for each part and each record; an event is a large one.
#[derive(Default)]
struct Lines(Vec<u8>);

impl ExportDocument for Lines {
    fn section(&mut self, section: Section) {
        self.0.extend_from_slice(format!("{section:?}\n").as_bytes());
    }

    fn add(&mut self, record: Record) -> Result<(), Unexpected> {
        let Record::AuditEvent(event) = record else { return Err(Unexpected::new("only events are here")) };
        let has_client = event.origin.client != Client::default();
        self.0.extend_from_slice(format!("{} {has_client}\n", event.kind.as_str()).as_bytes());
        self.0.resize(self.0.len() + 300_000, b'.');
        Ok(())
    }

    fn end(&mut self) {
        self.0.extend_from_slice(b"end");
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

fn event(kind: AuditKind, actor: Option<UserId>) -> AuditEvent {
    let client = Client { ip: None, user_agent: Some("a browser".to_owned()) };
    let origin = Origin { actor, session_id: None, client };
    let id = AuditEventId::from_uuid(Uuid::from_u128(1));
    AuditEvent { id, at: moment(), kind, origin, subject: Some(owner()), object: None, detail: None, count: 1 }
}

struct Scene {
    exports: MockExportRepository,
    records: MockRecordRepository,
    background: MockBackground,
}

impl Scene {
    fn new() -> Self {
        let mut records = MockRecordRepository::new();
        records.expect_count_turns().returning(|_| Ok(3));
        Self { exports: MockExportRepository::new(), records, background: MockBackground::new() }
    }

    fn service(mut self) -> ExportService {
        let mut users = MockUserRepository::new();
        users.expect_find().returning(|id| {
            Ok(Some(User {
                id,
                username: Username::try_from("ada".to_owned()).unwrap(),
                email: Email::try_from("ada@example.org".to_owned()).unwrap(),
                role: Role::User,
                is_active: true,
                account_created: moment(),
                last_login: None,
            }))
        });
        self.records.expect_sessions().returning(|_, _, _| Ok(Vec::new()));
        self.records.expect_api_keys().returning(|_, _, _| Ok(Vec::new()));
        self.records.expect_conversations().returning(|_, _, _| Ok(Vec::new()));
        let mut usage = MockUsageRepository::new();
        usage.expect_records().times(..=1).returning(|_, period| {
            assert_eq!((period.first(), period.last()), (moment().date_naive(), moment().date_naive()));
            Ok(Vec::new())
        });
        let mut log = MockAuditLog::new();
        log.expect_list().returning(|filter, _| {
            let admin = UserId::from_uuid(Uuid::from_u128(99));
            let items = match filter.actor {
                Some(_) => vec![event(AuditKind::Logout, Some(owner()))],
                None => vec![
                    event(AuditKind::Logout, Some(owner())),
                    event(AuditKind::RoleChanged, Some(admin)),
                    event(AuditKind::LoginFailed, None),
                ],
            };
            Ok(Page { items, has_more: false })
        });
        let mut format = MockExportFormat::new();
        format.expect_begin().returning(|_, _| Ok(Box::new(Lines::default())));
        let ports = ExportPorts {
            exports: Arc::new(self.exports),
            records: Arc::new(self.records),
            users: Arc::new(users),
            usage: Arc::new(usage),
            log: Arc::new(log),
            format: Arc::new(format),
            background: Arc::new(self.background),
            clock: clock(),
            ids: ids(),
        };
        let audit = AuditTrail::new(Arc::new(MockAuditLog::new()), clock(), ids());
        ExportService::new(ports, ReplicaId::from_uuid(Uuid::from_u128(5)), audit)
    }
}

type Work = BoxFuture<'static, Result<(), Unexpected>>;

/// Starts the export and does its work.
async fn written(mut scene: Scene) -> Result<(), Unexpected> {
    let works = Arc::new(Mutex::new(None::<Work>));
    let kept = works.clone();
    scene.background.expect_start().times(1).returning(move |_, work| *kept.lock().unwrap() = Some(work));
    scene.exports.expect_begin().times(1).returning(|new, event| {
        assert_eq!(
            (event.kind, event.subject, event.object),
            (AuditKind::DataExported, Some(owner()), Some(new.id.as_uuid()))
        );
        assert_eq!((new.total, new.lifetime), (3, ExportService::LIFETIME));
        Ok(ExportBegun::Begun(export(ExportState::Running)))
    });
    scene.service().start(&caller(), Client::default()).await.unwrap();
    let work = works.lock().unwrap().take().unwrap();
    work.await
}

#[tokio::test]
async fn everything_is_written_in_pieces_of_one_size() {
    let mut scene = Scene::new();
    let stored = Arc::new(Mutex::new(Vec::<Chunk>::new()));
    let chunks = stored.clone();
    scene.exports.expect_append().returning(move |_, _, chunk| {
        chunks.lock().unwrap().push(chunk);
        Ok(true)
    });
    let ended = Arc::new(Mutex::new(None));
    let end = ended.clone();
    scene.exports.expect_end().times(1).returning(move |_, _, state, _| {
        *end.lock().unwrap() = Some(state);
        Ok(())
    });
    written(scene).await.unwrap();
    let chunks = stored.lock().unwrap();
    assert!(chunks.iter().map(|chunk| chunk.number).eq(0..u32::try_from(chunks.len()).unwrap()));
    let (last, whole) = chunks.split_last().unwrap();
    assert!(whole.len() > 2 && whole.iter().all(|chunk| chunk.content.len() == 256 * 1024));
    assert!(last.content.len() <= 256 * 1024);
    let text: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.content.clone()).collect();
    let size_bytes = u64::try_from(text.len()).unwrap();
    assert_eq!(*ended.lock().unwrap(), Some(ExportState::Completed { size_bytes }));
    let lines = String::from_utf8(text).unwrap().replace('.', "");
    // What they did is there once, and where the administrator sat is not.
    assert_eq!(
        lines,
        "Sessions\nApiKeys\nConversations\nTurns\nUsage\nAuditEvents\nsessionlogout true\nuserrole_changed false\n\
         loginfailed true\nend"
    );
}

#[tokio::test]
async fn a_job_that_fails_says_so() {
    let mut scene = Scene::new();
    scene.exports.expect_append().returning(|_, _, _| Err(Unexpected::new("full")));
    scene.exports.expect_end().times(1).returning(|_, _, state, _| {
        assert_eq!(state, ExportState::Failed);
        Ok(())
    });
    assert!(written(scene).await.is_err());
}

#[tokio::test]
async fn a_job_whose_export_is_gone_stops() {
    let mut scene = Scene::new();
    scene.exports.expect_append().times(1).returning(|_, _, _| Ok(false));
    written(scene).await.unwrap();
}

#[tokio::test]
async fn one_that_is_written_already_is_given() {
    let mut scene = Scene::new();
    scene.exports.expect_begin().returning(|_, _| Ok(ExportBegun::Running(export(ExportState::Running))));
    let given = scene.service().start(&caller(), Client::default()).await.unwrap();
    assert_eq!(given, export(ExportState::Running));
}

#[tokio::test]
async fn only_what_is_complete_is_downloaded() {
    let download = async |state: Option<ExportState>| {
        let mut scene = Scene::new();
        scene.exports.expect_find().returning(move |_, _| Ok(state.map(export)));
        scene.exports.expect_chunk().returning(|_, _, number| Ok((number < 2).then(|| b"12345".to_vec())));
        scene.service().download(&caller(), export(ExportState::Running).id).await
    };
    assert!(matches!(download(None).await, Err(DownloadError::NotFound)));
    assert!(matches!(download(Some(ExportState::Running)).await, Err(DownloadError::Running)));
    assert!(matches!(download(Some(ExportState::Failed)).await, Err(DownloadError::Failed)));
    let whole = download(Some(ExportState::Completed { size_bytes: 10 })).await.unwrap();
    assert_eq!(whole.content.try_collect::<Vec<_>>().await.unwrap().concat(), b"1234512345");
    let broken = download(Some(ExportState::Completed { size_bytes: 11 })).await.unwrap();
    assert!(broken.content.try_collect::<Vec<_>>().await.is_err(), "what is missing is no end");
}
