//! Access lists and notifications through `tctl`: documents both ways, members, reviews, and what is refused.

use expect_test::expect;

use crate::world::World;

const CREW: &str = "\
kind: access_list
version: v1
metadata: {name: db-crew}
spec:
  title: Database crew
  description: on call for the database
  owners:
  - {name: alice@example.com}
  grants:
    roles: [auditor]
    traits: {team: [db, ops]}
  membership_requires: {roles: [access]}
  audit:
    recurrence: {frequency: 3m, day_of_month: last}
    next_audit_date: 2040-02-29T00:00:00Z
---
kind: access_list
version: v1
metadata: {name: shift}
spec:
  title: Shift
  owners: [{name: alice@example.com}]
---
kind: access_list_member
version: v1
metadata: {name: bob@example.com}
spec: {access_list: shift, reason: nights}
---
kind: access_list_member
version: v1
metadata: {name: bob@example.com}
spec: {access_list: db-crew}
";

const PEOPLE: &str = "\
kind: user
version: v2
metadata: {name: alice@example.com}
spec: {roles: [access]}
---
kind: user
version: v2
metadata: {name: bob@example.com}
spec: {roles: [access]}
";

#[test]
fn a_list_is_read_as_it_was_written() {
    let world = World::new();
    world.tctl_with("create", PEOPLE).succeeded();
    world.tctl_with("create", CREW).prints(expect![[r#"
        $ tctl create    → 0
        Access list "db-crew" has been created
        Access list "shift" has been created
        access list member "bob@example.com" has been created
        access list member "bob@example.com" has been created
    "#]]);
    world.tctl_with("create", CREW).prints(expect![[r#"
        $ tctl create    → 1
        ! ERROR: use -f or --force flag to overwrite
        ! 	access list "db-crew" already exists
    "#]]);
    world.tctl("get access_list/db-crew").prints(expect![[r#"
        $ tctl get access_list/db-crew    → 0
        kind: access_list
        metadata:
          name: db-crew
          revision: "7"
        spec:
          audit:
            next_audit_date: "<time>"
            notifications:
              start: 336h0m0s
            recurrence:
              day_of_month: last
              frequency: 3 months
          description: on call for the database
          grants:
            roles:
            - auditor
            traits:
              team:
              - db
              - ops
          membership_requires:
            roles:
            - access
          owners:
          - ineligible_status: INELIGIBLE_STATUS_ELIGIBLE
            membership_kind: MEMBERSHIP_KIND_USER
            name: alice@example.com
          title: Database crew
        status:
          current_user_assignments: {}
          member_count: 1
          member_list_count: 0
        version: v1
    "#]]);
    world
        .tctl("get access_list_member/shift/bob@example.com")
        .prints(expect![[r#"
            $ tctl get access_list_member/shift/bob@example.com    → 0
            kind: access_list_member
            metadata:
              name: bob@example.com
              revision: "9"
            spec:
              access_list: shift
              added_by: Admin
              ineligible_status: INELIGIBLE_STATUS_ELIGIBLE
              joined: "<time>"
              membership_kind: MEMBERSHIP_KIND_USER
              name: bob@example.com
              reason: nights
            version: v1
        "#]]);
    world.tctl("get access_lists --format=text").prints(expect![[r"
        $ tctl get access_lists --format=text    → 0
        Name    Title         Review Frequency Next Audit Date      
        ------- ------------- ---------------- -------------------- 
        db-crew Database crew 3 months         <time> 
        shift   Shift         6 months         <time> 
    "]]);
    world.tctl("acl ls --format=text").prints(expect![[r"
        $ tctl acl ls --format=text    → 0
        ID      Review Frequency Review Day Of Month Granted Roles Granted Traits 
        ------- ---------------- ------------------- ------------- -------------- 
        db-crew 3 months         last                auditor       team:{db,ops}  
        shift   6 months         1                                                
    "]]);
    world
        .tctl("rm access_list_member/db-crew/bob@example.com")
        .prints(expect![[r#"
            $ tctl rm access_list_member/db-crew/bob@example.com    → 0
            access list member "db-crew/bob@example.com" has been deleted
        "#]]);
    world.tctl("rm access_list/db-crew").prints(expect![[r#"
        $ tctl rm access_list/db-crew    → 0
        Access list "db-crew" has been deleted
    "#]]);
    world.tctl("get access_list/db-crew").prints(expect![[r#"
        $ tctl get access_list/db-crew    → 1
        ! ERROR: access list "db-crew" not found
    "#]]);
}

#[test]
fn members_come_and_go_and_a_list_is_reviewed() {
    let world = World::new();
    world.tctl("acl ls --format=text").prints(expect![[r"
        $ tctl acl ls --format=text    → 0
        no access lists
    "]]);
    world.tctl_with("create", PEOPLE).succeeded();
    world.tctl_with("create", CREW).succeeded();
    world
        .tctl("acl users add db-crew alice@example.com 2040-01-01T00:00:00Z vacation")
        .prints(expect![[r"
            $ tctl acl users add db-crew alice@example.com <time> vacation    → 0
            successfully added user alice@example.com to access list db-crew
        "]]);
    world
        .tctl("acl users add db-crew nobody@example.com")
        .prints(expect![[r#"
            $ tctl acl users add db-crew nobody@example.com    → 0
            successfully added user nobody@example.com to access list db-crew
            ! warning: user "nobody@example.com" does not exist: the place in the list is kept, and counts once there is such a user
        "#]]);
    world
        .tctl("acl users add db-crew shift --kind=list")
        .prints(expect![[r"
            $ tctl acl users add db-crew shift --kind=list    → 0
            successfully added user shift to access list db-crew
        "]]);
    world
        .tctl("acl users add shift db-crew --kind=list")
        .prints(expect![[r#"
            $ tctl acl users add shift db-crew --kind=list    → 1
            ! ERROR: access list "Database crew" cannot be added as a member of "Shift": "Shift" is already a member or owner in "Database crew"
        "#]]);
    world.tctl("acl users add db-crew x yesterday").prints(expect![[r"
            $ tctl acl users add db-crew x yesterday    → 1
            ! ERROR: `yesterday` is not a moment; write it like `<time>`
        "]]);
    world.tctl("acl users ls db-crew").prints(expect![[r"
        $ tctl acl users ls db-crew    → 0
        Members of db-crew:
        - alice@example.com
        - bob@example.com
        - nobody@example.com (does not exist)
        - (Access List) shift
    "]]);
    world
        .tctl("acl users rm db-crew nobody@example.com")
        .prints(expect![[r"
            $ tctl acl users rm db-crew nobody@example.com    → 0
            successfully removed user nobody@example.com from access list db-crew
        "]]);
    world
        .tctl("acl users rm db-crew nobody@example.com")
        .prints(expect![[r#"
            $ tctl acl users rm db-crew nobody@example.com    → 1
            ! ERROR: access list "db-crew" has no member "nobody@example.com"
        "#]]);
    world.tctl("acl reviews ls db-crew").prints(expect![[r"
        $ tctl acl reviews ls db-crew    → 0
        access list db-crew has not been reviewed yet
    "]]);
    world
        .tctl("acl reviews create db-crew --remove-members=alice@example.com --notes=quarterly")
        .prints(expect![[r"
            $ tctl acl reviews create db-crew --remove-members=alice@example.com --notes=quarterly    → 0
            access list db-crew was reviewed (<uuid______________________________>); the next review is due <rfc822___________>
        "]]);
    world.tctl("acl reviews ls db-crew").prints(expect![[r"
        $ tctl acl reviews ls db-crew    → 0
        ID                                   Reviewer Review Date         Removed Members   Notes     
        ------------------------------------ -------- ------------------- ----------------- --------- 
        <uuid______________________________> Admin    <rfc822___________> alice@example.com quarterly 
    "]]);
    world.tctl("acl users ls db-crew").prints(expect![[r"
        $ tctl acl users ls db-crew    → 0
        Members of db-crew:
        - bob@example.com
        - (Access List) shift
    "]]);
    world.tctl("acl users ls nowhere").prints(expect![[r#"
        $ tctl acl users ls nowhere    → 1
        ! ERROR: access list "nowhere" not found
    "#]]);
}

#[test]
fn people_are_told_things_and_no_longer() {
    let world = World::new();
    world.tctl_with("create", PEOPLE).succeeded();
    world.tctl("notifications ls").prints(expect![[r"
        $ tctl notifications ls    → 0
        no notifications
    "]]);
    world
        .tctl("notifications create --title=hello")
        .prints(expect![[r"
            $ tctl notifications create --title=hello    → 1
            ! ERROR: nobody is named whom the notification is for
            ! hint: use --user, --roles or --all-users
        "]]);
    world
        .tctl("notifications create --title=hello --user=nobody@example.com")
        .prints(expect![[r#"
            $ tctl notifications create --title=hello --user=nobody@example.com    → 1
            ! ERROR: "user" "nobody@example.com" does not exist
        "#]]);
    world
        .tctl("notifications create --title=hello --user=bob@example.com")
        .prints(expect![[r"
            $ tctl notifications create --title=hello --user=bob@example.com    → 0
            Created notification <uuid______________________________> for user bob@example.com.
        "]]);
    world
        .tctl("notifications create --title=moving --roles=access,editor --ttl=48h")
        .prints(expect![[r"
            $ tctl notifications create --title=moving --roles=access,editor --ttl=48h    → 0
            Created notification <uuid______________________________>.
        "]]);
    world.tctl("notifications ls").prints(expect![[r"
        $ tctl notifications ls    → 0
        ID                                   Created             Expires             Title  
        ------------------------------------ ------------------- ------------------- ------ 
        <uuid______________________________> <rfc822___________> <rfc822___________> moving 
    "]]);
    world
        .tctl("notifications ls --user=bob@example.com")
        .prints(expect![[r"
            $ tctl notifications ls --user=bob@example.com    → 0
            ID                                   Created             Expires             Title 
            ------------------------------------ ------------------- ------------------- ----- 
            <uuid______________________________> <rfc822___________> <rfc822___________> hello 
        "]]);
    world
        .tctl("notifications rm 00000000-0000-0000-0000-000000000000")
        .prints(expect![[r#"
            $ tctl notifications rm <uuid______________________________>    → 1
            ! ERROR: notification "<uuid______________________________>" is not found
        "#]]);
}
