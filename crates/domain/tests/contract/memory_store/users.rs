use async_trait::async_trait;
use domain::Unexpected;
use domain::access::CredentialId;
use domain::audit::NewAuditEvent;
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Page, PageRequest};
use domain::session::EndReason;
use domain::user::{
    CreateUserError, Email, HashedPassword, ImportedUser, NewUser, ProfileChange, RightsChange, Role, User, UserFilter,
    UserRepository, Username,
};

use super::{MemoryStore, Rows, page_of};

impl Rows {
    /// Whether nobody but `owner` has the name or the address.
    fn is_free(&self, owner: UserId, name: Option<&Username>, email: Option<&Email>) -> Result<(), CreateUserError> {
        let mut others = self.users.values().map(|(user, _)| user).filter(|user| user.id != owner);
        if others.clone().any(|other| name.is_some_and(|name| name.canonical() == other.username.canonical())) {
            return Err(CreateUserError::UsernameTaken);
        }
        if others.any(|other| email == Some(&other.email)) {
            return Err(CreateUserError::EmailTaken);
        }
        Ok(())
    }

    /// What is to happen instead of a change that takes an administrator away, if something is.
    pub(super) fn refusal(&self, id: UserId, is_so_already: impl Fn(&User) -> bool) -> Option<RightsChange> {
        let Some((user, _)) = self.users.get(&id) else { return Some(RightsChange::NotFound) };
        if is_so_already(user) {
            return Some(RightsChange::Unchanged);
        }
        let is_admin = |user: &User| user.role == Role::Admin && user.is_active;
        let admins = self.users.values().filter(|(user, _)| is_admin(user)).count();
        (is_admin(user) && admins == 1).then_some(RightsChange::LastAdmin)
    }

    /// Ends whatever the user has open.
    pub(super) fn stop(&mut self, id: UserId) -> Vec<CredentialId> {
        let sessions = self.end_all(id, None, EndReason::Disabled).into_iter().map(CredentialId::Session);
        let keys = self.keys.values().filter(|row| row.key.user_id == id && row.is_live());
        let ended = sessions.chain(keys.map(|row| CredentialId::ApiKey(row.key.id))).collect();
        for row in self.turns.values_mut().filter(|row| row.turn.user_id == id) {
            row.is_unwanted = true;
        }
        ended
    }

    pub(super) fn user(&mut self, id: UserId) -> &mut User {
        &mut self.users.get_mut(&id).expect("no user is ever deleted").0
    }
}

#[async_trait]
impl UserRepository for MemoryStore {
    async fn create(&self, user: NewUser, event: NewAuditEvent) -> Result<(), CreateUserError> {
        self.import(ImportedUser { user, is_active: true, last_login: None }, event).await
    }

    async fn import(&self, account: ImportedUser, event: NewAuditEvent) -> Result<(), CreateUserError> {
        let mut rows = self.rows();
        let user = &account.user;
        rows.is_free(user.id, Some(&user.username), Some(&user.email))?;
        let (id, hash) = (user.id, user.hashed_password.clone());
        rows.users.insert(id, (account.into_user(), hash));
        rows.record(event);
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

    async fn change_profile(
        &self,
        id: UserId,
        change: ProfileChange,
        event: NewAuditEvent,
    ) -> Result<Option<User>, CreateUserError> {
        let mut rows = self.rows();
        let Some((before, _)) = rows.users.get(&id).cloned() else { return Ok(None) };
        rows.is_free(id, change.username.as_ref(), change.email.as_ref())?;
        let user = User {
            username: change.username.unwrap_or_else(|| before.username.clone()),
            email: change.email.unwrap_or_else(|| before.email.clone()),
            ..before.clone()
        };
        if (&user.username, &user.email) != (&before.username, &before.email) {
            *rows.user(id) = user.clone();
            rows.record(event);
        }
        Ok(Some(user))
    }

    async fn set_password(
        &self,
        id: UserId,
        hash: HashedPassword,
        keep: Option<SessionId>,
        event: NewAuditEvent,
    ) -> Result<Option<Vec<SessionId>>, Unexpected> {
        let mut rows = self.rows();
        let Some((_, stored)) = rows.users.get_mut(&id) else { return Ok(None) };
        *stored = hash;
        rows.record(event);
        Ok(Some(rows.end_all(id, keep, EndReason::PasswordChanged)))
    }

    async fn set_role(&self, id: UserId, role: Role, event: NewAuditEvent) -> Result<RightsChange, Unexpected> {
        let mut rows = self.rows();
        if let Some(refusal) = rows.refusal(id, |user| user.role == role) {
            return Ok(refusal);
        }
        rows.user(id).role = role;
        rows.record(event);
        Ok(RightsChange::Made(
            rows.end_all(id, None, EndReason::RoleChanged).into_iter().map(CredentialId::Session).collect(),
        ))
    }

    async fn set_active(&self, id: UserId, is_active: bool, event: NewAuditEvent) -> Result<RightsChange, Unexpected> {
        let mut rows = self.rows();
        if rows.erasures.contains_key(&id) {
            return Ok(RightsChange::NotFound);
        }
        if let Some(refusal) = rows.refusal(id, |user| user.is_active == is_active) {
            return Ok(refusal);
        }
        rows.user(id).is_active = is_active;
        rows.record(event);
        Ok(RightsChange::Made(if is_active { Vec::new() } else { rows.stop(id) }))
    }

    async fn list(&self, filter: UserFilter, page: PageRequest<UserId>) -> Result<Page<User>, ListError> {
        let rows = self.rows();
        let text = filter.text.map(|text| text.to_lowercase());
        let has_text = |user: &User| {
            let has = |text: &String| user.username.canonical().contains(text) || user.email.as_str().contains(text);
            text.as_ref().is_none_or(has)
        };
        let is_wanted = |user: &User| {
            has_text(user)
                && filter.role.is_none_or(|role| role == user.role)
                && filter.is_active.is_none_or(|is_active| is_active == user.is_active)
        };
        // The list may go on after a row that the filter leaves out.
        let users = rows.users.values().map(|(user, _)| user.clone()).collect();
        page_of(users, page, |user: &User| user.id, |user| (user.account_created, user.id), is_wanted)
    }
}
