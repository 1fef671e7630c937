//! How a client can break the protocol, and what it is told then.

use crate::mail::AddressError;
use crate::smtp::Reply;
use crate::smtp::sasl::SaslFault;

/// Why a line is not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    LineTooLong {
        octets_max: usize,
    },
    BareLineEnd,
    /// A NUL, an escape sequence: nothing that a client writes.
    ControlOctet,
    /// The verb of another protocol, brought here by a browser, a load balancer or an attacker.
    OtherProtocol,
    UnknownCommand,
    NotImplemented,
    Syntax {
        usage: &'static str,
    },
    /// An address, or a parameter behind it, for which SMTPUTF8 (RFC 6531) would be needed.
    NotAsciiPath,
    Sender(AddressError),
    Recipient(AddressError),
    UnknownParameter,
    ParameterValue,
}

/// Why what came after DATA is not a message. If several are true, the last in this order is told, so that the
/// way in which the octets are cut into packets does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataFault {
    OutOfMemory,
    BareLf,
    BareCr,
    Nul,
    HeaderTooLong {
        octets_max: usize,
    },
    TooLong {
        octets_max: usize,
    },
    /// So much longer than allowed that its end is not waited for.
    Endless {
        octets_max: usize,
    },
}

impl From<SaslFault> for Reply {
    fn from(fault: SaslFault) -> Self {
        match fault {
            SaslFault::Cancelled => Self::LOGIN_CANCELLED,
            SaslFault::Undecodable => Self::LOGIN_UNDECODABLE,
            SaslFault::Malformed => Self::LOGIN_MALFORMED,
            SaslFault::UnknownMechanism => Self::UNKNOWN_MECHANISM,
        }
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::LineTooLong { octets_max } => Self::line_too_long(octets_max),
            Fault::BareLineEnd => Self::BARE_LINE_END,
            Fault::ControlOctet => Self::CONTROL_OCTET,
            Fault::OtherProtocol => Self::OTHER_PROTOCOL,
            Fault::UnknownCommand => Self::UNKNOWN_COMMAND,
            Fault::NotImplemented => Self::NOT_IMPLEMENTED,
            Fault::Syntax { usage } => Self::syntax(usage),
            Fault::NotAsciiPath => Self::NOT_ASCII_PATH,
            Fault::Sender(error) => Self::sender_not_taken(error),
            Fault::Recipient(error) => Self::recipient_not_taken(error),
            Fault::UnknownParameter => Self::UNKNOWN_PARAMETER,
            Fault::ParameterValue => Self::PARAMETER_VALUE,
        }
    }
}

impl From<DataFault> for Reply {
    fn from(fault: DataFault) -> Self {
        match fault {
            DataFault::OutOfMemory => Self::OUT_OF_MEMORY,
            DataFault::BareLf => Self::BARE_LF,
            DataFault::BareCr => Self::BARE_CR,
            DataFault::Nul => Self::NUL,
            DataFault::HeaderTooLong { octets_max } => Self::header_too_long(octets_max),
            DataFault::TooLong { octets_max } => Self::message_too_long(octets_max),
            DataFault::Endless { octets_max } => Self::endless_message(octets_max),
        }
    }
}
