//! Who may connect, and what whoever may not is told.

use crate::stage::Stage;
use crate::{Set, Way};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use windlass_client::{Connect, Token};
use windlass_contract::{Code, Outcome};

#[test]
fn a_wrong_token_is_denied_in_words_and_the_right_one_stands_in_a_file_of_the_owners() {
    let set = Set::by(Way::Tcp);
    let at = set.stage.tcp().to_string();
    for wrong in [Token::NONE, Token([7; 32])] {
        let fault = Connect::tcp(&at).token(wrong).open().unwrap_err();
        assert!(fault.is(Code::Denied) && fault.message.contains("token"), "{fault:?}");
    }
    let path = std::path::Path::new(&set.stage.address()).join("token");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_address_that_others_reach_is_refused_before_anything_starts() {
    for at in ["0.0.0.0:0", "[::]:0"] {
        let fault = Stage::try_with(|config| config.tcp = Some(at.parse().unwrap())).map(|_| ()).unwrap_err();
        assert!(fault.is(Code::BadConfig) && fault.message.contains("loopback"), "{fault:?}");
    }
}

#[test]
fn a_port_that_is_taken_and_a_token_that_others_read_keep_the_node_from_starting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let fault = Stage::try_with(|config| config.tcp = Some(at)).map(|_| ()).unwrap_err();
    assert!(fault.is(Code::Io) && fault.message.contains(&at.to_string()), "{fault:?}");
    let fault = Stage::try_with(|config| {
        config.tcp = Some("127.0.0.1:0".parse().unwrap());
        std::fs::create_dir_all(&config.directory).unwrap();
        let token = config.directory.join("token");
        std::fs::write(&token, Token([1; 32]).to_text()).unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    });
    let fault = fault.map(|_| ()).unwrap_err();
    assert!(fault.is(Code::BadConfig) && fault.message.contains("0600"), "{fault:?}");
}

#[test]
fn where_nobody_listens_the_client_is_told_how_to_start_a_node() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fault = Connect::tcp(&free.to_string()).timeout(Duration::from_secs(2)).open().unwrap_err();
    assert!(fault.is(Code::NotConnected) && fault.message.contains("--tcp"), "{fault:?}");
    assert_eq!(fault.outcome, Outcome::NotStarted);
    let fault = Connect::tcp("no port").open().unwrap_err();
    assert!(fault.is(Code::BadConfig), "{fault:?}");
    let fault = Connect::unix_stream("/nowhere/at/all").open().unwrap_err();
    assert!(fault.is(Code::NotConnected), "{fault:?}");
}

#[test]
fn a_node_without_tcp_listens_nowhere_and_makes_no_token() {
    let stage = Stage::of(&[]);
    assert!(!std::path::Path::new(&stage.address()).join("token").exists());
}
