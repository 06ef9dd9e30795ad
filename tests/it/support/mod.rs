//! What the tests share.

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod installation;
pub(crate) mod outcomes;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod reply;
pub(crate) mod scale;
pub(crate) mod sse;
pub(crate) mod upstream;
pub(crate) mod waiting;
pub(crate) mod websocket;

/// Makes a test for each store out of a case that takes the [`database::Backend`].
macro_rules! on_both_stores {
    ($($case:ident),+ $(,)?) => {
        mod on_postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case($crate::support::database::Backend::Postgres).await;
                }
            )+
        }

        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case($crate::support::database::Backend::Sqlite).await;
                }
            )+
        }
    };
}

pub(crate) use on_both_stores;
