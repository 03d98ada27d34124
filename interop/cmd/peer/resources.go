package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/gravitational/trace"
	"gopkg.in/yaml.v2"

	"github.com/gravitational/teleport/api/client/proto"
	userspb "github.com/gravitational/teleport/api/gen/proto/go/teleport/users/v1"
	"github.com/gravitational/teleport/api/types"
)

// load reads one resource from a YAML or JSON file, through the types' own JSON.
func load(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return trace.ConvertSystemError(err)
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return trace.BadParameter("%s: %v", path, err)
	}
	encoded, err := json.Marshal(textual(tree))
	if err != nil {
		return trace.Wrap(err)
	}
	return trace.Wrap(json.Unmarshal(encoded, into))
}

// textual gives YAML's maps keys that JSON can have.
func textual(tree any) any {
	switch tree := tree.(type) {
	case map[any]any:
		object := map[string]any{}
		for key, value := range tree {
			object[fmt.Sprint(key)] = textual(value)
		}
		return object
	case []any:
		for i := range tree {
			tree[i] = textual(tree[i])
		}
	}
	return tree
}

func loadRole(arguments []string) (*types.RoleV6, error) {
	path, err := one(arguments, "file")
	if err != nil {
		return nil, err
	}
	role := &types.RoleV6{}
	if err := load(path, role); err != nil {
		return nil, err
	}
	return role, trace.Wrap(role.CheckAndSetDefaults())
}

func createRole(ctx context.Context, w *world, arguments []string) error {
	role, err := loadRole(arguments)
	if err != nil {
		return err
	}
	created, err := w.client.CreateRole(ctx, role)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(created)
}

func upsertRole(ctx context.Context, w *world, arguments []string) error {
	role, err := loadRole(arguments)
	if err != nil {
		return err
	}
	stored, err := w.client.UpsertRole(ctx, role)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(stored)
}

func getRole(ctx context.Context, w *world, arguments []string) error {
	name, err := one(arguments, "name")
	if err != nil {
		return err
	}
	role, err := w.client.GetRole(ctx, name)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(role)
}

func listRoles(ctx context.Context, w *world, _ []string) error {
	start := ""
	for {
		page, err := w.client.ListRoles(ctx, &proto.ListRolesRequest{StartKey: start})
		if err != nil {
			return trace.Wrap(err)
		}
		for _, role := range page.Roles {
			if err := role.CheckAndSetDefaults(); err != nil {
				return trace.Wrap(err)
			}
			if err := w.say(role); err != nil {
				return err
			}
		}
		if page.NextKey == "" {
			return nil
		}
		start = page.NextKey
	}
}

func deleteRole(ctx context.Context, w *world, arguments []string) error {
	name, err := one(arguments, "name")
	if err != nil {
		return err
	}
	if err := w.client.DeleteRole(ctx, name); err != nil {
		return trace.Wrap(err)
	}
	return w.say(map[string]any{"deleted": name})
}

func loadUser(arguments []string) (*types.UserV2, error) {
	path, err := one(arguments, "file")
	if err != nil {
		return nil, err
	}
	user := &types.UserV2{}
	if err := load(path, user); err != nil {
		return nil, err
	}
	return user, trace.Wrap(user.CheckAndSetDefaults())
}

func createUser(ctx context.Context, w *world, arguments []string) error {
	user, err := loadUser(arguments)
	if err != nil {
		return err
	}
	created, err := w.client.CreateUser(ctx, user)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(created)
}

func upsertUser(ctx context.Context, w *world, arguments []string) error {
	user, err := loadUser(arguments)
	if err != nil {
		return err
	}
	stored, err := w.client.UpsertUser(ctx, user)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(stored)
}

func getUser(ctx context.Context, w *world, arguments []string) error {
	name, err := one(arguments, "name")
	if err != nil {
		return err
	}
	user, err := w.client.GetUser(ctx, name, false)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(user)
}

func listUsers(ctx context.Context, w *world, _ []string) error {
	token := ""
	for {
		page, err := w.client.ListUsers(ctx, &userspb.ListUsersRequest{PageToken: token})
		if err != nil {
			return trace.Wrap(err)
		}
		for _, user := range page.Users {
			if err := w.say(user); err != nil {
				return err
			}
		}
		if page.NextPageToken == "" {
			return nil
		}
		token = page.NextPageToken
	}
}

func deleteUser(ctx context.Context, w *world, arguments []string) error {
	name, err := one(arguments, "name")
	if err != nil {
		return err
	}
	if err := w.client.DeleteUser(ctx, name); err != nil {
		return trace.Wrap(err)
	}
	return w.say(map[string]any{"deleted": name})
}

func whoami(ctx context.Context, w *world, _ []string) error {
	user, err := w.client.GetCurrentUser(ctx)
	if err != nil {
		return trace.Wrap(err)
	}
	roles, err := w.client.GetCurrentUserRoles(ctx)
	if err != nil {
		return trace.Wrap(err)
	}
	names := []string{}
	for _, role := range roles {
		names = append(names, role.GetName())
	}
	return w.say(map[string]any{"user": user, "roles": names})
}
