use async_trait::async_trait;
use domain::Unexpected;
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Page, PageRequest};
use domain::session::{EndReason, NewSession, Session, SessionRepository, SessionState};
use domain::user::{CreateUserError, HashedPassword, NewUser, User, UserRepository, Username};

use super::{MemoryStore, now, page_of};

#[async_trait]
impl UserRepository for MemoryStore {
    async fn create(&self, user: NewUser) -> Result<(), CreateUserError> {
        let mut rows = self.rows();
        if rows.users.values().any(|(other, _)| other.username.canonical() == user.username.canonical()) {
            return Err(CreateUserError::UsernameTaken);
        }
        if rows.users.values().any(|(other, _)| other.email == user.email) {
            return Err(CreateUserError::EmailTaken);
        }
        let hash = user.hashed_password.clone();
        rows.users.insert(user.id, (user.into_user(), hash));
        Ok(())
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, Unexpected> {
        Ok(self.rows().users.get(&id).map(|(user, _)| user.clone()))
    }

    async fn find_for_login(&self, username: &Username) -> Result<Option<(User, HashedPassword)>, Unexpected> {
        let rows = self.rows();
        Ok(rows.users.values().find(|(user, _)| user.username.canonical() == username.canonical()).cloned())
    }

    async fn upgrade_hash(&self, id: UserId, old: HashedPassword, new: HashedPassword) -> Result<(), Unexpected> {
        if let Some((_, hash)) = self.rows().users.get_mut(&id)
            && hash.expose() == old.expose()
        {
            *hash = new;
        }
        Ok(())
    }

    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<User>, ListError> {
        let users = self.rows().users.values().map(|(user, _)| user.clone()).collect();
        page_of(users, page, |user: &User| user.id, |user| (user.account_created, user.id))
    }
}

#[async_trait]
impl SessionRepository for MemoryStore {
    async fn open(&self, session: NewSession) -> Result<(), Unexpected> {
        let mut rows = self.rows();
        let Some((user, _)) = rows.users.get_mut(&session.user_id) else {
            return Err(Unexpected::new("a session needs a user"));
        };
        user.last_login = Some(now());
        let state = if session.lifetime.is_zero() { SessionState::Expired } else { SessionState::Live };
        rows.sessions.insert(session.id, (session, state));
        Ok(())
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        let rows = self.rows();
        let Some((session, state)) = rows.sessions.get(&id) else { return Ok(None) };
        let (user, _) = rows.users.get(&session.user_id).expect("no user is ever deleted");
        Ok(Some(Session {
            id,
            user_id: user.id,
            username: user.username.clone(),
            role: user.role,
            user_is_active: user.is_active,
            state: *state,
            expires_at: now() + session.lifetime,
        }))
    }

    async fn end(&self, id: SessionId, _: EndReason) -> Result<(), Unexpected> {
        if let Some((_, state @ SessionState::Live)) = self.rows().sessions.get_mut(&id) {
            *state = SessionState::Ended;
        }
        Ok(())
    }
}
