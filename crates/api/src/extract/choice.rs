use domain::chat::{OnBusy, OnDisconnect};

/// What shall become of another turn that runs in the conversation; refused if nothing is said.
pub(crate) fn on_busy(text: Option<&str>) -> Result<OnBusy, &'static str> {
    match text {
        None | Some("reject") => Ok(OnBusy::Reject),
        Some("interrupt") => Ok(OnBusy::Interrupt),
        Some("enqueue") => Err("must be reject or interrupt: there is no queue in this version"),
        Some(_) => Err("must be reject or interrupt"),
    }
}

/// What shall become of the turn when nobody reads it any more; it goes on if nothing is said.
pub(crate) fn on_disconnect(text: Option<&str>) -> Result<OnDisconnect, &'static str> {
    match text {
        None | Some("continue") => Ok(OnDisconnect::Continue),
        Some("cancel") => Ok(OnDisconnect::Cancel),
        Some(_) => Err("must be continue or cancel"),
    }
}
