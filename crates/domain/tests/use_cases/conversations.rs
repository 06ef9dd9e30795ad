use std::sync::Arc;

use domain::chat::{MockChatEngine, OfferedModel};
use domain::conversation::{
    ConversationDraft, ConversationService, CreateError, MockConversationRepository, MockTurnRepository,
};

use super::{caller, clock, ids, ttl, valid};

fn service(conversations: MockConversationRepository) -> ConversationService {
    let mut engine = MockChatEngine::new();
    engine.expect_models().returning(|| vec![OfferedModel { name: valid("small"), provider: "test".to_owned() }]);
    let turns = Arc::new(MockTurnRepository::new());
    ConversationService::new(Arc::new(conversations), turns, Arc::new(engine), clock(), ids(), ttl())
}

#[tokio::test]
async fn a_conversation_may_have_a_model_that_is_offered() {
    for model in [None, Some(valid("small"))] {
        let mut conversations = MockConversationRepository::new();
        conversations.expect_create().once().returning(|_| Ok(()));
        let draft = ConversationDraft { model: model.clone(), ..ConversationDraft::default() };
        assert_eq!(service(conversations).create(&caller(), draft).await.unwrap().model, model);
    }
}

#[tokio::test]
async fn a_conversation_with_a_model_that_nobody_offers_is_not_made() {
    let draft = ConversationDraft { model: Some(valid("huge")), ..ConversationDraft::default() };
    let refused = service(MockConversationRepository::new()).create(&caller(), draft).await;
    assert!(matches!(refused, Err(CreateError::UnknownModel)), "{refused:?}");
}
