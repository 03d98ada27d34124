package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/gravitational/trace"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	accessmonitoringrulesv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accessmonitoringrules/v1"
	loginrulev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/loginrule/v1"
	machineidv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	mfav1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/mfa/v1"
	trustv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/trust/v1"
	userspb "github.com/gravitational/teleport/api/gen/proto/go/teleport/users/v1"
	"github.com/gravitational/teleport/api/types"
)

// Every type of authority that tctl asks for.
var authorityTypes = []types.CertAuthType{
	types.HostCA, types.UserCA, types.DatabaseCA, types.DatabaseClientCA, types.OpenSSHCA, types.JWTSigner,
	types.SAMLIDPCA, types.OIDCIdPCA, types.SPIFFECA, types.OktaCA, types.AWSRACA, types.BoundKeypairCA,
}

var (
	pong = call{"A.Ping", fine, func(ctx context.Context, s *stage) error {
		_, err := s.clt.Ping(ctx)
		return trace.Wrap(err)
	}}
	// The question before changes: does this need an authenticator?
	factor = call{"A.CreateAuthenticateChallenge", fine, func(ctx context.Context, s *stage) error {
		answer, err := s.clt.CreateAuthenticateChallenge(ctx, &proto.CreateAuthenticateChallengeRequest{
			Request: &proto.CreateAuthenticateChallengeRequest_ContextUser{ContextUser: &proto.ContextUser{}},
			MFARequiredCheck: &proto.IsMFARequiredRequest{
				Target: &proto.IsMFARequiredRequest_AdminAction{AdminAction: &proto.AdminAction{}},
			},
			ChallengeExtensions: &mfav1.ChallengeExtensions{Scope: mfav1.ChallengeScope_CHALLENGE_SCOPE_ADMIN_ACTION},
		})
		// The built-in administrator is no user: that answer lets the command go on too.
		if trace.IsBadParameter(err) && s.user == "" {
			return nil
		}
		if err != nil {
			return trace.Wrap(err)
		}
		return must(answer.MFARequired == proto.MFARequired_MFA_REQUIRED_NO, "the answer is %s", answer.MFARequired)
	}}
	authorities = call{"Trust.GetCertAuthorities ×12", fine, func(ctx context.Context, s *stage) error {
		for _, kind := range authorityTypes {
			if _, err := s.clt.GetCertAuthorities(ctx, kind, false); err != nil {
				return trace.Wrap(err, "%s", kind)
			}
		}
		return nil
	}}
	proxies     = call{"GET /v2/proxies", fine, servers("proxies", types.KindProxy)}
	authServers = call{"GET /v2/authservers", fine, servers("authservers", types.KindAuthServer)}
)

// simple is a call of which only the error counts.
func simple[T any](name, want string, do func(ctx context.Context, c *client.Client) (T, error)) call {
	return call{name, want, func(ctx context.Context, s *stage) error {
		_, err := do(ctx, s.clt)
		return trace.Wrap(err)
	}}
}

// one is a command with one call.
func one(name string, calls ...call) command { return command{name: name, calls: calls} }

// framed puts around a command what surrounds every one of tctl's.
func framed(all []command) []command {
	for index := range all {
		all[index].calls = slices.Concat([]call{pong, pong}, all[index].calls, []call{alerts})
	}
	return all
}

var tctl = framed([]command{
	one("status", pong, authorities),
	one("get roles", listRoles),
	one("get role/N", simple("A.GetRole", fine, func(ctx context.Context, c *client.Client) (types.Role, error) {
		return c.GetRole(ctx, "editor")
	})),
	one("get users", simple("Users.ListUsers", fine, func(ctx context.Context, c *client.Client) (*userspb.ListUsersResponse, error) {
		return c.ListUsers(ctx, &userspb.ListUsersRequest{})
	})),
	one("get user/N", simple("Users.GetUser", "NotFound", func(ctx context.Context, c *client.Client) (types.User, error) {
		return c.GetUser(ctx, "nobody@example.com", false)
	})),
	one("get nodes", simple("A.ListUnifiedResources", fine, func(ctx context.Context, c *client.Client) (*proto.ListUnifiedResourcesResponse, error) {
		return c.ListUnifiedResources(ctx, &proto.ListUnifiedResourcesRequest{
			Kinds: []string{types.KindNode}, Limit: 1000, SortBy: types.SortBy{Field: types.ResourceKind},
		})
	})),
	one("nodes ls", simple("A.ListResources", fine, func(ctx context.Context, c *client.Client) (*types.ListResourcesResponse, error) {
		return c.ListResources(ctx, proto.ListResourcesRequest{ResourceType: types.KindNode, Namespace: "default", Limit: 1000})
	})),
	one("get connectors", samlConnectors, oidcConnectors, githubConnectors),
	one("get access_request", simple("A.ListAccessRequests", fine, func(ctx context.Context, c *client.Client) ([]types.AccessRequest, error) {
		return c.GetAccessRequests(ctx, types.AccessRequestFilter{})
	})),
	one("get locks", locks),
	one("get tokens", tokens),
	one("get token/N", simple("A.GetToken", "NotFound", func(ctx context.Context, c *client.Client) (types.ProvisionToken, error) {
		return c.GetToken(ctx, "nothing")
	})),
	one("get bots", simple("Bot.ListBots", either, func(ctx context.Context, c *client.Client) (*machineidv1.ListBotsResponse, error) {
		return c.BotServiceClient().ListBots(ctx, &machineidv1.ListBotsRequest{})
	})),
	one("get bot_instance", simple("BotInst.ListBotInstances", either, func(ctx context.Context, c *client.Client) (*machineidv1.ListBotInstancesResponse, error) {
		return c.BotInstanceServiceClient().ListBotInstances(ctx, &machineidv1.ListBotInstancesRequest{}) //nolint:staticcheck // what 18 calls
	})),
	one("get cap", preference),
	one("get netconfig", networking),
	one("get recconfig", simple("Conf.GetSessionRecordingConfig", fine, func(ctx context.Context, c *client.Client) (types.SessionRecordingConfig, error) {
		return c.GetSessionRecordingConfig(ctx)
	})),
	one("get cas", authorities),
	one("get auth_server", authServers),
	one("get proxies", proxies),
	one("auth ls", authServers),
	one("get tc", trustedClusters),
	one("get rc", call{"Pres.ListRemoteClusters", fine, remoteClusters}),
	one("get semaphores", simple("A.GetSemaphores", fine, func(ctx context.Context, c *client.Client) ([]types.Semaphore, error) {
		return c.GetSemaphores(ctx, types.SemaphoreFilter{})
	})),
	one("get integration", simple("Integration.ListIntegrations", unserved, func(ctx context.Context, c *client.Client) ([]types.Integration, error) {
		found, _, err := c.ListIntegrations(ctx, 0, "")
		return found, err
	})),
	one("get access_monitoring_rule", simple("AMR.ListAccessMonitoringRules", fine, func(ctx context.Context, c *client.Client) ([]*accessmonitoringrulesv1.AccessMonitoringRule, error) {
		found, _, err := c.AccessMonitoringRulesClient().ListAccessMonitoringRules(ctx, 0, "")
		return found, err
	})),
	one("get access_list", simple("AccessListService", either, func(ctx context.Context, c *client.Client) (*accesslistv1.ListAccessListsResponse, error) {
		return accesslistv1.NewAccessListServiceClient(c.GetConnection()).ListAccessLists(ctx, &accesslistv1.ListAccessListsRequest{}) //nolint:staticcheck // what 18 calls
	})),
	one("get login_rule", simple("LoginRule.ListLoginRules", unserved, func(ctx context.Context, c *client.Client) (*loginrulev1.ListLoginRulesResponse, error) {
		return c.LoginRuleClient().ListLoginRules(ctx, &loginrulev1.ListLoginRulesRequest{})
	})),
	one("get all",
		locks, preference, trustedClusters, githubConnectors, samlConnectors, oidcConnectors, listRoles, networking,
		simple("HealthCheckConfig.ListHealthCheckConfigs", fine, func(ctx context.Context, c *client.Client) (any, error) {
			found, _, err := c.ListHealthCheckConfigs(ctx, 0, "")
			return found, err
		}),
		authorities, tokens,
	),
	one("requests caps", simple("A.GetAccessCapabilities", "NotFound", func(ctx context.Context, c *client.Client) (*types.AccessCapabilities, error) {
		return c.GetAccessCapabilities(ctx, types.AccessCapabilitiesRequest{User: "nobody@example.com", RequestableRoles: true})
	})),
	one("auth export", simple("A.GetDomainName", fine, func(ctx context.Context, c *client.Client) (string, error) {
		return c.GetDomainName(ctx)
	}), call{"Trust.GetCertAuthority", fine, func(ctx context.Context, s *stage) error {
		_, err := s.clt.GetCertAuthority(ctx, types.CertAuthID{Type: types.HostCA, DomainName: s.cluster}, false)
		return trace.Wrap(err)
	}}),
	one("alerts ls", alerts),
	one("sso configure github", listRoles, proxies),
	one("tokens ls", tokens),

	{name: "create role", named: true, calls: []call{
		factor,
		{"A.GetRole", "NotFound", func(ctx context.Context, s *stage) error {
			_, err := s.clt.GetRole(ctx, "made-by-the-original")
			return trace.Wrap(err)
		}},
		{"A.UpsertRoleV2", fine, func(ctx context.Context, s *stage) error {
			role, err := types.NewRole("made-by-the-original", types.RoleSpecV6{})
			if err != nil {
				return trace.Wrap(err)
			}
			_, err = s.clt.UpsertRole(ctx, role)
			return trace.Wrap(err)
		}},
	}},
	{name: "edit role/N", named: true, calls: []call{
		factor,
		{"A.GetRole, A.UpdateRole", fine, func(ctx context.Context, s *stage) error {
			role, err := s.clt.GetRole(ctx, "made-by-the-original")
			if err != nil {
				return trace.Wrap(err)
			}
			role.SetLogins(types.Allow, []string{"root"})
			_, err = s.clt.UpdateRole(ctx, role)
			return trace.Wrap(err)
		}},
		{"A.UpdateRole, changed meanwhile", "CompareFailed", func(ctx context.Context, s *stage) error {
			role, err := s.clt.GetRole(ctx, "made-by-the-original")
			if err != nil {
				return trace.Wrap(err)
			}
			role.SetRevision(uuid.NewString())
			_, err = s.clt.UpdateRole(ctx, role)
			return trace.Wrap(err)
		}},
	}},
	{name: "users add", named: true, calls: []call{
		{"A.GetRole, not there", "NotFound", func(ctx context.Context, s *stage) error {
			_, err := s.clt.GetRole(ctx, "no-such-role")
			return trace.Wrap(err)
		}},
		factor,
		{"Users.CreateUser", fine, addUser}, {"Users.CreateUser, again", "AlreadyExists", addUser}, {"A.CreateResetPasswordToken", fine, link},
	}},
	{name: "users update", named: true, calls: []call{{"Users.GetUser, Users.UpsertUser", fine, func(ctx context.Context, s *stage) error {
		user, err := s.clt.GetUser(ctx, "original@example.com", false)
		if err != nil {
			return trace.Wrap(err)
		}
		user.SetRoles([]string{"access", "made-by-the-original"})
		_, err = s.clt.UpsertUser(ctx, user)
		return trace.Wrap(err)
	}}}},
	{name: "users reset", named: true, calls: []call{{"A.CreateResetPasswordToken", fine, link}}},
	{name: "requests create --dry-run", named: true, calls: []call{
		{"ULS.GetUserLoginState", fine, func(ctx context.Context, s *stage) error {
			state, err := s.clt.UserLoginStateClient().GetUserLoginState(ctx, "original@example.com")
			if err != nil {
				return trace.Wrap(err)
			}
			return must(slices.Equal(state.GetRoles(), []string{"access", "made-by-the-original"}), "roles are %v", state.GetRoles())
		}},
	}},
	{name: "requests approve", named: true, calls: []call{{"A.SetAccessRequestState", "AccessDenied", func(ctx context.Context, s *stage) error {
		return s.clt.SetAccessRequestState(ctx, types.AccessRequestUpdate{RequestID: s.id, State: types.RequestState_APPROVED})
	}}}},
	{name: "requests deny", named: true, calls: []call{{"A.SetAccessRequestState", fine, func(ctx context.Context, s *stage) error {
		return s.clt.SetAccessRequestState(ctx, types.AccessRequestUpdate{
			RequestID: s.id, State: types.RequestState_DENIED, Reason: "not today",
		})
	}}}},
	{name: "requests rm", named: true, calls: []call{
		{"A.ListAccessRequests", fine, listRequests},
		{"A.DeleteAccessRequest", fine, func(ctx context.Context, s *stage) error { return s.clt.DeleteAccessRequest(ctx, s.id) }},
	}},
	{name: "lock", named: true, calls: []call{{"A.UpsertLock", fine, func(ctx context.Context, s *stage) error {
		lock, err := types.NewLock("5d8e5ef0-0f1e-4a70-9e6a-6f1f7f5f3f10", types.LockSpecV2{Target: types.LockTarget{User: "original@example.com"}})
		if err != nil {
			return trace.Wrap(err)
		}
		return trace.Wrap(s.clt.UpsertLock(ctx, lock))
	}}}},
	{name: "rm lock", named: true, calls: []call{{"A.DeleteLock", fine, func(ctx context.Context, s *stage) error {
		return s.clt.DeleteLock(ctx, "5d8e5ef0-0f1e-4a70-9e6a-6f1f7f5f3f10")
	}}}},
	{name: "rm user", named: true, calls: []call{
		{"Users.DeleteUser", fine, func(ctx context.Context, s *stage) error { return s.clt.DeleteUser(ctx, "original@example.com") }},
	}},
	{name: "rm role", named: true, calls: []call{
		{"A.DeleteRole", fine, func(ctx context.Context, s *stage) error { return s.clt.DeleteRole(ctx, "made-by-the-original") }},
	}},
	{name: "auth sign --user", named: true, calls: []call{
		pong, clusterName,
		{"A.GenerateUserCerts", fine, func(ctx context.Context, s *stage) error {
			sshKey, tlsKey, err := fresh()
			if err != nil {
				return err
			}
			_, err = s.clt.GenerateUserCerts(ctx, proto.UserCertsRequest{
				Username: "original@example.com", SSHPublicKey: sshKey, TLSPublicKey: tlsKey, Expires: soon(), Format: "standard",
			})
			return trace.Wrap(err)
		}},
		{"Trust.GetCertAuthorities", fine, hostAuthorities}, networking,
	}},
	{name: "auth sign --host", named: true, calls: []call{
		pong, clusterName,
		{"Trust.GenerateHostCert", fine, func(ctx context.Context, s *stage) error {
			sshKey, _, err := fresh()
			if err != nil {
				return err
			}
			issued, err := s.clt.TrustClient().GenerateHostCert(ctx, &trustv1.GenerateHostCertRequest{
				Key: sshKey, HostId: "", NodeName: "node.example.com", Principals: []string{"node.example.com"},
				ClusterName: s.cluster, Role: string(types.RoleNode),
			})
			if err != nil {
				return trace.Wrap(err)
			}
			return must(len(issued.SshCertificate) > 0, "no certificate came")
		}},
		{"Trust.GetCertAuthorities", fine, hostAuthorities},
	}},
	{name: "auth sign --format=db", named: true, calls: []call{{"A.GenerateDatabaseCert", unserved, func(ctx context.Context, s *stage) error {
		_, err := s.clt.GenerateDatabaseCert(ctx, &proto.DatabaseCertRequest{})
		return trace.Wrap(err)
	}}}},
})

var (
	listRoles = simple("A.ListRoles", fine, func(ctx context.Context, c *client.Client) (*proto.ListRolesResponse, error) {
		return c.ListRoles(ctx, &proto.ListRolesRequest{Limit: 100})
	})
	samlConnectors = simple("A.GetSAMLConnectors", fine, func(ctx context.Context, c *client.Client) ([]types.SAMLConnector, error) {
		return c.GetSAMLConnectors(ctx, false) //nolint:staticcheck // what 18 calls
	})
	oidcConnectors = simple("A.GetOIDCConnectors", fine, func(ctx context.Context, c *client.Client) ([]types.OIDCConnector, error) {
		return c.GetOIDCConnectors(ctx, false) //nolint:staticcheck // what 18 calls
	})
	githubConnectors = simple("A.GetGithubConnectors", fine, func(ctx context.Context, c *client.Client) ([]types.GithubConnector, error) {
		return c.GetGithubConnectors(ctx, false) //nolint:staticcheck // what 18 calls
	})
	locks = simple("A.GetLocks", fine, func(ctx context.Context, c *client.Client) ([]types.Lock, error) {
		return c.GetLocks(ctx, false)
	})
	tokens = simple("A.GetTokens", fine, func(ctx context.Context, c *client.Client) ([]types.ProvisionToken, error) {
		return c.GetTokens(ctx) //nolint:staticcheck // what 18 calls
	})
	preference = simple("Conf.GetAuthPreference", fine, func(ctx context.Context, c *client.Client) (types.AuthPreference, error) {
		return c.GetAuthPreference(ctx)
	})
	networking = simple("Conf.GetClusterNetworkingConfig", fine, func(ctx context.Context, c *client.Client) (types.ClusterNetworkingConfig, error) {
		return c.GetClusterNetworkingConfig(ctx)
	})
	trustedClusters = simple("A.GetTrustedClusters", fine, func(ctx context.Context, c *client.Client) ([]types.TrustedCluster, error) {
		return c.GetTrustedClusters(ctx) //nolint:staticcheck // what 18 calls
	})
	clusterName = simple("Conf.GetClusterName", fine, func(ctx context.Context, c *client.Client) (types.ClusterName, error) {
		return c.GetClusterName(ctx)
	})
)

func addUser(ctx context.Context, s *stage) error {
	user, err := types.NewUser("original@example.com")
	if err != nil {
		return trace.Wrap(err)
	}
	user.SetRoles([]string{"access"})
	_, err = s.clt.CreateUser(ctx, user)
	return trace.Wrap(err)
}

func link(ctx context.Context, s *stage) error {
	made, err := s.clt.CreateResetPasswordToken(ctx, &proto.CreateResetPasswordTokenRequest{Name: "original@example.com", Type: "invite"})
	if err != nil {
		return trace.Wrap(err)
	}
	return must(made.GetUser() == "original@example.com" && made.GetURL() != "", "made %v", made)
}

// servers makes one of the old calls that are JSON over HTTP/1.1 on the Auth port.
func servers(path, kind string) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		if s.authAddress == "" {
			return nil
		}
		config, err := client.LoadIdentityFile(s.identity).TLSConfig()
		if err != nil {
			return trace.Wrap(err)
		}
		// What tctl dials is the cluster, whatever the address is called.
		config.ServerName = "teleport.cluster.local"
		config.NextProtos = []string{"http/1.1"}
		transport := &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: config,
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		}
		asked, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.authAddress+"/v2/"+path, nil)
		if err != nil {
			return trace.Wrap(err)
		}
		answer, err := (&http.Client{Transport: transport}).Do(asked)
		if err != nil {
			return trace.Wrap(err)
		}
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return trace.Wrap(err)
		}
		if answer.StatusCode != http.StatusOK {
			return trace.ReadError(answer.StatusCode, text)
		}
		var found []types.ServerV2
		if err := json.Unmarshal(text, &found); err != nil {
			return trace.Wrap(err)
		}
		if err := must(len(found) == 1, "found %s", text); err != nil {
			return err
		}
		server := &found[0]
		return must(server.GetKind() == kind && server.GetName() != "" && server.GetHostname() != "" &&
			server.Spec.Version == "18.0.0", "found %s", text)
	}
}
