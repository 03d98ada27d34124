package main

import (
	"context"
	"crypto/tls"
	"strings"

	"github.com/gravitational/trace"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proxy"
	"github.com/gravitational/teleport/api/client/webclient"
	"github.com/gravitational/teleport/api/profile"
	"github.com/gravitational/teleport/api/utils"
)

// dialProxy opens the connection to the proxy that every tsh command opens first.
func dialProxy(ctx context.Context, s *stage, routing bool) (*proxy.Client, error) {
	read, err := profile.FromDir(s.profileDir, "")
	if err != nil {
		return nil, trace.Wrap(err)
	}
	keys, err := read.SSHClientConfig()
	if err != nil {
		return nil, trace.Wrap(err)
	}
	address := s.proxyAddress
	if address == "" {
		address = read.WebProxyAddr
	}
	connection, err := proxy.NewClient(ctx, proxy.ClientConfig{
		ProxyAddress:      address,
		TLSRoutingEnabled: routing,
		TLSConfigFunc: func(cluster string) (*tls.Config, error) {
			config, err := read.TLSConfig()
			if err != nil {
				return nil, trace.Wrap(err)
			}
			if cluster == "" {
				cluster = read.SiteName
			}
			config.ServerName = utils.EncodeClusterName(cluster)
			return config, nil
		},
		SSHConfig:               keys,
		ALPNConnUpgradeRequired: s.upgrade,
	})
	return connection, trace.Wrap(err)
}

// dialThrough opens the connection to the Auth Service that goes with it.
func dialThrough(ctx context.Context, through *proxy.Client, cluster string) (*client.Client, error) {
	config, err := through.ClientConfig(ctx, cluster)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	connection, err := client.New(ctx, config)
	return connection, trace.Wrap(err)
}

func withTsh(ctx context.Context, s *stage, then func() error) error {
	through, err := dialProxy(ctx, s, true)
	if err != nil {
		return trace.Wrap(err)
	}
	defer func() { _ = through.Close() }()
	connection, err := dialThrough(ctx, through, s.cluster)
	if err != nil {
		return trace.Wrap(err)
	}
	defer func() { _ = connection.Close() }()
	s.proxy, s.clt = through, connection
	return then()
}

func withTctl(ctx context.Context, s *stage, then func() error) error {
	address := s.authAddress
	if address == "" {
		address = s.proxyAddress
	}
	connection, err := client.New(ctx, client.Config{
		Addrs:       []string{address},
		Credentials: []client.Credentials{client.LoadIdentityFile(s.identity)},
	})
	if err != nil {
		return trace.Wrap(err)
	}
	defer func() { _ = connection.Close() }()
	s.clt = connection
	return then()
}

// ping asks who answers, and checks that it is the cluster.
func ping(ctx context.Context, s *stage, connection *client.Client) error {
	defer func() { _ = connection.Close() }()
	pong, err := connection.Ping(ctx)
	if err != nil {
		return trace.Wrap(err)
	}
	return must(pong.ClusterName == s.cluster, "the cluster calls itself %q", pong.ClusterName)
}

// roads tries every road there is.
func roads(ctx context.Context, s *stage) error {
	through := func(routing bool) func(context.Context, *stage) error {
		return func(ctx context.Context, s *stage) error {
			through, err := dialProxy(ctx, s, routing)
			if err != nil {
				return trace.Wrap(err)
			}
			defer func() { _ = through.Close() }()
			details, err := through.ClusterDetails(ctx)
			if err != nil {
				return trace.Wrap(err)
			}
			if err := must(!details.FIPS && through.ClusterName() == s.cluster, "the proxy is of %q", through.ClusterName()); err != nil {
				return err
			}
			connection, err := dialThrough(ctx, through, s.cluster)
			if err != nil {
				return trace.Wrap(err)
			}
			return ping(ctx, s, connection)
		}
	}
	with := func(credentials client.Credentials, addresses ...string) func(context.Context, *stage) error {
		return func(ctx context.Context, s *stage) error {
			connection, err := client.New(ctx, client.Config{
				Addrs: addresses, Credentials: []client.Credentials{credentials}, ALPNConnUpgradeRequired: s.upgrade,
			})
			if err != nil {
				return trace.Wrap(err)
			}
			return ping(ctx, s, connection)
		}
	}
	tries := []call{
		{"tsh, TLS routing", fine, through(true)},
		{"tsh, through TransportService", fine, through(false)},
		{"tsh, another cluster", "NotFound", func(ctx context.Context, s *stage) error {
			through, err := dialProxy(ctx, s, false)
			if err != nil {
				return trace.Wrap(err)
			}
			defer func() { _ = through.Close() }()
			connection, err := dialThrough(ctx, through, "elsewhere.example.com")
			if err != nil {
				return trace.Wrap(err)
			}
			defer func() { _ = connection.Close() }()
			_, err = connection.Ping(ctx)
			if err != nil && strings.Contains(err.Error(), "elsewhere.example.com") && strings.Contains(err.Error(), "is not found") {
				return trace.NotFound("%s", err)
			}
			return trace.Wrap(err)
		}},
		{"tsh ssh", unserved, func(ctx context.Context, s *stage) error {
			through, err := dialProxy(ctx, s, true)
			if err != nil {
				return trace.Wrap(err)
			}
			defer func() { _ = through.Close() }()
			_, _, err = through.DialHost(ctx, "node:22", s.cluster, nil)
			if err != nil && strings.Contains(err.Error(), "this cluster has no SSH nodes to connect to") {
				return trace.NotImplemented("%s", err)
			}
			return trace.Wrap(err)
		}},
		{"profile, its own address", fine, with(client.LoadProfile(s.profileDir, ""))},
		{"discovery", fine, func(ctx context.Context, s *stage) error {
			config := webclient.Config{Context: ctx, ProxyAddr: s.proxyAddress}
			found, err := webclient.Find(&config)
			if err != nil {
				return trace.Wrap(err)
			}
			pinged, err := webclient.Ping(&config)
			if err != nil {
				return trace.Wrap(err)
			}
			return must(found.Proxy.TLSRoutingEnabled && pinged.ClusterName == s.cluster, "found %v, pinged %v", found, pinged)
		}},
		{"upgrade test", fine, func(ctx context.Context, s *stage) error {
			needed := client.IsALPNConnUpgradeRequired(ctx, s.proxyAddress, false)
			return must(needed == s.upgrade, "an upgrade is taken for needed: %t", needed)
		}},
	}
	if s.identity != "" {
		tries = append(tries, call{"identity file, proxy", fine, with(client.LoadIdentityFile(s.identity), s.proxyAddress)})
	}
	if s.identity != "" && s.authAddress != "" {
		tries = append(tries,
			call{"identity file, auth", fine, with(client.LoadIdentityFile(s.identity), s.authAddress)},
			call{"identity file, a dead address beside the proxy", fine,
				with(client.LoadIdentityFile(s.identity), "127.0.0.1:1", s.proxyAddress)},
		)
	}
	for _, one := range tries {
		if err := s.attempt(ctx, "roads", one); err != nil {
			return err
		}
	}
	return nil
}
