//! `colloquy user import`: a table of accounts, each line taken or refused on its own.

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;

use domain::audit::Origin;
use domain::user::{AccountField, BrokenRule, ImportError, ImportService};
use infra::account_table::{AccountTable, Line, TableError};
use serde_json::json;

use super::{CommandError, Console};
use crate::cli::ImportUsers;
use crate::compose::compose_import;
use crate::problem::Problem;
use crate::settings::Configuration;
use crate::start_error::StartError;

/// How many were taken and refused.
#[derive(Default)]
struct Tally {
    imported: u64,
    refused: u64,
}

pub(super) fn run(
    configuration: &Configuration,
    arguments: &ImportUsers,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let place = arguments.file.display();
    let failed = |error: TableError| -> CommandError { Problem::new(&error, place.to_string(), error.next()).into() };
    let file = File::open(&arguments.file).map_err(|error| failed(TableError::Unreadable { line: 1, error }))?;
    let table = AccountTable::begin(file).map_err(failed)?;
    let service = compose_import(configuration)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::from)?;

    let mut report = Report { as_json: arguments.json, tally: Tally::default() };
    let outcome = runtime.block_on(take_all(table, &service, &mut report, console));
    // What was taken so far stays, so it is told even if the rest was not reached.
    report.end(console)?;
    match outcome {
        Ok(()) if report.tally.refused == 0 => Ok(ExitCode::SUCCESS),
        Ok(()) => Ok(ExitCode::FAILURE),
        Err(Stopped::Table(error)) => Err(failed(error)),
        Err(Stopped::Console(error)) => Err(error.into()),
        Err(Stopped::Store { line, error }) => {
            let what = format!("the import stopped at line {line}: {error}");
            let next = "`colloquy doctor` says what does not work; then run the import again, it makes nothing twice";
            Err(Problem::new(what, configuration.store(), next).into())
        }
    }
}

/// Why not every line was reached.
enum Stopped {
    Table(TableError),
    Store { line: u64, error: domain::Unexpected },
    Console(std::io::Error),
}

async fn take_all(
    mut table: AccountTable<impl Read>,
    service: &ImportService,
    report: &mut Report,
    console: &mut Console<'_>,
) -> Result<(), Stopped> {
    while let Some((number, line)) = table.next_line().map_err(Stopped::Table)? {
        let told = match line {
            Line::Unreadable(rule) => report.refused(number, "", rule, console),
            Line::Record(record) => match service.import(record, &Origin::command_line()).await {
                Ok(_) => {
                    report.tally.imported += 1;
                    Ok(())
                }
                Err(ImportError::Refused(rules)) => report.broken(number, &rules, console),
                Err(ImportError::Unexpected(error)) => return Err(Stopped::Store { line: number, error }),
            },
        };
        told.map_err(Stopped::Console)?;
    }
    Ok(())
}

/// What is told of each line that was refused. No value is repeated: where columns were mixed up, any may be a hash.
struct Report {
    as_json: bool,
    tally: Tally,
}

impl Report {
    fn broken(
        &mut self,
        line: u64,
        rules: &[(AccountField, BrokenRule)],
        console: &mut Console<'_>,
    ) -> std::io::Result<()> {
        self.tally.refused += 1;
        rules.iter().try_for_each(|(field, rule)| self.tell(line, field.as_str(), &rule.to_string(), console))
    }

    fn refused(&mut self, line: u64, field: &str, rule: &str, console: &mut Console<'_>) -> std::io::Result<()> {
        self.tally.refused += 1;
        self.tell(line, field, rule, console)
    }

    fn tell(&self, line: u64, field: &str, rule: &str, console: &mut Console<'_>) -> std::io::Result<()> {
        if self.as_json {
            let field = Some(field).filter(|field| !field.is_empty());
            writeln!(console.out, "{}", json!({"line": line, "field": field, "rule": rule}))
        } else {
            let field = if field.is_empty() { "(line)" } else { field };
            writeln!(console.out, "{line:>8}  {field:<15}  {rule}")
        }
    }

    fn end(&self, console: &mut Console<'_>) -> std::io::Result<()> {
        let Tally { imported, refused } = self.tally;
        if self.as_json {
            writeln!(console.out, "{}", json!({"imported": imported, "refused": refused}))
        } else {
            writeln!(console.out, "imported {imported}, refused {refused}")
        }
    }
}
