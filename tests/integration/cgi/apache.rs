use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use stackup_tests::{Site, artifacts, program};

use crate::apache::Apache;
use crate::fastcgi::check_bodies;

/// Each of them runs CGI programs: one by itself, one by a process for that.
const MODULES: [&str; 2] = ["cgi", "cgid"];

/// A site of `plugin` below `/`, whose manifest is the program.
async fn start(module: &str, plugin: &str) -> Option<(Site, Apache)> {
    let site = Site::new("", &[plugin]);
    // Its workers may run as another user, who can't enter the folder of the build.
    let stackup = site.path().join("stackup");
    program::copy(artifacts::stackup(), &stackup);
    // A line of this form is a comment of TOML.
    let manifest = format!("#!{} cgi\nrun = \"{plugin}\"\n", stackup.display());
    program::script(&site.path().join("site.cgi"), &manifest);
    let open = Permissions::from_mode(0o755);
    fs::set_permissions(site.path(), open).expect("it is ours");
    let folder = site.path().display();
    let lines = format!(
        "ScriptAlias / {folder}/site.cgi/\n<Directory {folder}>\nRequire all granted\n</Directory>\n\
         <IfModule mod_cgid.c>\nScriptSock {folder}/cgid.sock\n</IfModule>"
    );
    let apache = Apache::start(&["alias", module], &lines).await?;
    Some((site, apache))
}

#[tokio::test]
async fn requests_and_responses_go_through_apache() {
    for module in MODULES {
        let Some((_site, apache)) = start(module, "answers").await else {
            return;
        };
        let mut client = apache.connect().await;
        let names = "env=REQUEST_METHOD&env=REQUEST_URI&env=PATH_INFO&env=SCRIPT_NAME&env=HTTP_HOST&env=HTTP_X_A&env=CONTENT_TYPE&env=REMOTE_ADDR";
        let target = format!("/a%20b/../d?{names}");
        client
            .send(format!(
                "POST {target} HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\ncontent-type: a/b\r\ncontent-length: 5\r\n\r\nhello"
            ))
            .await;
        let expected = format!(
            "REQUEST_METHOD=POST\nREQUEST_URI={target}\nPATH_INFO=/d\nSCRIPT_NAME=\nHTTP_HOST=a.test\nHTTP_X_A=1\nCONTENT_TYPE=a/b\nREMOTE_ADDR=127.0.0.1\nhello"
        );
        assert_eq!(client.response().await.text(), expected, "mod_{module}");
        for (target, status) in [
            ("/?status=404&body=no", 404),
            ("/?status=302&header=location:/x", 302),
            ("/?status=204", 204),
            ("/?fail=no&status=503", 503),
            // The words of such a query are arguments of the program.
            ("/?--version", 200),
        ] {
            let response = apache.connect().await.get(target).await;
            assert_eq!(response.status(), status, "{target} by mod_{module}");
        }
    }
}

#[tokio::test]
async fn bodies_go_through_apache() {
    let Some((_site, apache)) = start("cgi", "probe").await else {
        return;
    };
    let mut client = apache.connect().await;
    check_bodies(&mut client).await;
}
