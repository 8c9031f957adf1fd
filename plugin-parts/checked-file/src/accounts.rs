//! Which users a group gives its rights to.

use std::path::Path;

use crate::bounded::read;

/// Directory services list their users elsewhere, so these files are short.
const MAX_LEN: u64 = 16 << 20;

/// The accounts of this machine: `/etc/passwd` and `/etc/group`.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) passwd: String,
    pub(crate) group: String,
}

impl Accounts {
    /// Those of this machine; none that can't be read.
    pub(crate) fn of_this_machine() -> Self {
        let text = |path| {
            let bytes = read(Path::new(path), MAX_LEN).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self {
            passwd: text("/etc/passwd"),
            group: text("/etc/group"),
        }
    }

    /// Whether nobody but the user `uid` and root is in the group `gid`, and it is the primary group of one of them. A group
    /// that these files do not list is not private: a directory service may know its members.
    pub(crate) fn is_private(&self, gid: u32, uid: u32) -> bool {
        let (mut names, mut is_primary) = (Vec::new(), false);
        for user in lines(&self.passwd) {
            let [name, _, id, group, ..] = user[..] else {
                continue;
            };
            let (Ok(id), Ok(group)) = (id.parse::<u32>(), group.parse::<u32>()) else {
                continue;
            };
            let ours = id == uid || id == 0;
            if ours {
                names.push(name);
            }
            match group == gid {
                true if !ours => return false,
                true => is_primary = true,
                false => {}
            }
        }
        let of_gid = lines(&self.group)
            .filter(|group| group.get(2).and_then(|id| id.parse().ok()) == Some(gid));
        let mut members =
            of_gid.flat_map(|group| group.get(3).copied().unwrap_or_default().split(','));
        is_primary && members.all(|member| member.is_empty() || names.contains(&member.trim()))
    }
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.trim().split(':').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(passwd: &str, group: &str) -> Accounts {
        Accounts {
            passwd: passwd.to_owned(),
            group: group.to_owned(),
        }
    }

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
        ann:x:1000:1000::/home/ann:/bin/sh\n\
        bob:x:1001:100::/home/bob:/bin/sh\n\
        cyd:x:1002:100::/home/cyd:/bin/sh\n\
        dan:x:1003:1003::/home/dan:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nann:x:1000:ann\ndan:x:1003:bob\nstaff:x:50:ann\nusers:x:100:\n";

    #[test]
    fn group_of_one_user_is_private_to_that_user_and_to_no_other() {
        let accounts = of(PASSWD, GROUP);
        assert!(accounts.is_private(1000, 1000));
        assert!(!accounts.is_private(1000, 1001));
        // What ann may write, root must not run.
        assert!(!accounts.is_private(1000, 0));
        assert!(accounts.is_private(0, 0) && accounts.is_private(0, 1000));
    }

    #[test]
    fn group_with_another_user_is_not_private() {
        let accounts = of(PASSWD, GROUP);
        // It is the primary group of two.
        assert!(!accounts.is_private(100, 1001));
        // Bob is a member.
        assert!(!accounts.is_private(1003, 1003));
        // It is nobody's primary group.
        assert!(!accounts.is_private(50, 1000));
        let wheel = PASSWD.to_owned() + "halt:x:7:0::/sbin:/sbin/halt\n";
        assert!(!of(&wheel, GROUP).is_private(0, 0));
    }

    #[test]
    fn group_that_is_not_listed_is_not_private() {
        assert!(!of(PASSWD, GROUP).is_private(4242, 1000));
        assert!(!of("", "").is_private(1000, 1000));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(passwd in "[a-z0-9:,\n+]{0,60}", group in "[a-z0-9:,\n+]{0,60}", gid in 0_u32..3, uid in 1_u32..3) {
            let read = of(&passwd, &group);
            // One more user of the group makes no group private.
            let more = of(&format!("{passwd}\nmallory:x:99:{gid}:::\n"), &group);
            proptest::prop_assert!(!more.is_private(gid, uid));
            let _ = read.is_private(gid, uid);
        }
    }
}
