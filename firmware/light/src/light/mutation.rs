//! Safeguards that the proof switches off one at a time, to show that its checkers notice.

/// One safeguard, switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutation {
    /// Spans are not stretched or shrunk by the error of a clock.
    NoDrift,
    /// A lease is counted from the receipt of the promise instead of the sending of the request.
    LeaseFromReceipt,
    /// Leases survive the end of a go.
    KeepLeases,
    /// A promise is released by a message of any boot, and any boot counts. As long as boots that are lower do
    /// not count, a release by another boot does no harm that was ever seen.
    ReleaseByAnyBoot,
    /// A promise is released by a message that is not newer than the request.
    ReleaseByOlder,
    /// A light that has just started may go or flash at once.
    NoHold,
    /// No clearance after the end of a promise or a conflicting go.
    NoClearance,
    /// A light with a reason to flash does so while its promises are in force.
    FlashAtOnce,
    /// A light with a reason to flash goes on promising.
    PromiseWhileFlashing,
    /// A light in go does not watch its leases.
    NoLeaseWatch,
    /// Leases do not cover a program that hangs until its watchdog resets it.
    NoHangCover,
    /// Any boot but the one heard last is a new run, also an earlier one: so it was before version 0.2.0.
    AnyBootIsNew,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Mutation; 12] = [
        Mutation::NoDrift,
        Mutation::LeaseFromReceipt,
        Mutation::KeepLeases,
        Mutation::ReleaseByAnyBoot,
        Mutation::ReleaseByOlder,
        Mutation::NoHold,
        Mutation::NoClearance,
        Mutation::FlashAtOnce,
        Mutation::PromiseWhileFlashing,
        Mutation::NoLeaseWatch,
        Mutation::NoHangCover,
        Mutation::AnyBootIsNew,
    ];
}
