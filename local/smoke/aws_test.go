package smoke_test

import (
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"airlock/local/issuer"
)

// cloudFormation knows one stack, in the protocol of AWS's queries.
type cloudFormation struct {
	name, status        string
	outputs, parameters map[string]string
}

type xmlOutput struct{ OutputKey, OutputValue string }

type xmlParameter struct{ ParameterKey, ParameterValue string }

func (c *cloudFormation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("Action") != "DescribeStacks" || r.FormValue("StackName") != c.name {
		type refusal struct{ Type, Code, Message string }
		w.WriteHeader(http.StatusBadRequest)
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Error   refusal
		}{Error: refusal{"Sender", "ValidationError", "Stack with id " + r.FormValue("StackName") + " does not exist"}})
		return
	}
	var answer struct {
		XMLName xml.Name `xml:"http://cloudformation.amazonaws.com/doc/2010-05-15/ DescribeStacksResponse"`
		Stack   struct {
			StackName, StackStatus string
			CreationTime           string
			Outputs                []xmlOutput    `xml:"Outputs>member"`
			Parameters             []xmlParameter `xml:"Parameters>member"`
		} `xml:"DescribeStacksResult>Stacks>member"`
	}
	answer.Stack.StackName, answer.Stack.StackStatus, answer.Stack.CreationTime = c.name, c.status, "2026-01-01T00:00:00Z"
	for key, value := range c.outputs {
		answer.Stack.Outputs = append(answer.Stack.Outputs, xmlOutput{key, value})
	}
	for key, value := range c.parameters {
		answer.Stack.Parameters = append(answer.Stack.Parameters, xmlParameter{key, value})
	}
	_ = xml.NewEncoder(w).Encode(answer)
}

const machineSecret = "machine-secret-machine-secret"

// userPool is a pool as template.yaml makes it: addresses for user names, twelve
// characters for a password, a client for apps and one for machines.
type userPool struct {
	issuer       *issuer.Service
	id           string
	app, machine string // clients

	mu      sync.Mutex
	users   map[string]*poolUser // by address
	made    int                  // users, ever
	secrets []string             // passwords and tokens
	// refuse answers an operation with an error, unless that is empty; where after
	// is true the operation was carried out nevertheless.
	refuse    func(operation string) (code string, after bool)
	challenge string // that a sign-in meets with, if any
}

type poolUser struct{ sub, password string }

func newUserPool(issuer *issuer.Service, outputs map[string]string) *userPool {
	return &userPool{
		issuer: issuer, id: outputs["UserPoolId"], app: outputs["UserPoolClientId"], machine: outputs["MachineClientId"],
		users: map[string]*poolUser{}, secrets: []string{machineSecret},
	}
}

// sign makes a token that must not be told.
func (p *userPool) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	token, err := p.issuer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	p.secrets = append(p.secrets, token)
	return token
}

type poolRequest struct {
	UserPoolId, ClientId, Username, Password, MessageAction, AuthFlow string
	Permanent                                                         bool
	AuthParameters                                                    map[string]string
}

func (p *userPool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Path == "/oauth2/token" {
		p.serveToken(w, r)
		return
	}
	operation, _ := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSCognitoIdentityProviderService.")
	var in poolRequest
	code := "SerializationException"
	var answer any
	if json.NewDecoder(r.Body).Decode(&in) == nil {
		var early string
		var after bool
		if p.refuse != nil {
			early, after = p.refuse(operation)
		}
		if code = early; code == "" || after {
			answer, code = p.carryOut(operation, in)
		}
		if after {
			code = early
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if code != "" {
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"__type": code, "message": "refused"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// carryOut returns an operation's answer, or the code of an error.
func (p *userPool) carryOut(operation string, in poolRequest) (any, string) {
	if in.UserPoolId != p.id {
		return nil, "ResourceNotFoundException"
	}
	u := p.users[in.Username]
	switch operation {
	case "AdminCreateUser":
		if u != nil {
			return nil, "UsernameExistsException"
		}
		if !strings.Contains(in.Username, "@") || in.MessageAction != "SUPPRESS" { // it would send mail
			return nil, "InvalidParameterException"
		}
		p.made++
		p.users[in.Username] = &poolUser{sub: rand.Text()}
		return map[string]any{"User": map[string]any{"Username": p.users[in.Username].sub}}, ""
	case "AdminSetUserPassword":
		if u == nil {
			return nil, "UserNotFoundException"
		}
		for _, form := range []string{`[a-z]`, `[A-Z]`, `[0-9]`, `^.{12}`} {
			if !regexp.MustCompile(form).MatchString(in.Password) || !in.Permanent {
				return nil, "InvalidPasswordException"
			}
		}
		u.password = in.Password
		p.secrets = append(p.secrets, in.Password)
		return map[string]any{}, ""
	case "AdminInitiateAuth":
		u = p.users[in.AuthParameters["USERNAME"]]
		if u == nil || u.password == "" || u.password != in.AuthParameters["PASSWORD"] || in.ClientId != p.app || in.AuthFlow != "ADMIN_USER_PASSWORD_AUTH" {
			return nil, "NotAuthorizedException"
		}
		if p.challenge != "" {
			return map[string]any{"ChallengeName": p.challenge, "Session": "session"}, ""
		}
		token, err := p.issuer.Sign(map[string]any{"sub": u.sub, "client_id": p.app, "scope": "aws.cognito.signin.user.admin"})
		if err != nil {
			return nil, "InternalErrorException"
		}
		p.secrets = append(p.secrets, token)
		return map[string]any{"AuthenticationResult": map[string]any{"AccessToken": token, "TokenType": "Bearer"}}, ""
	case "AdminDeleteUser":
		if u == nil {
			return nil, "UserNotFoundException"
		}
		delete(p.users, in.Username)
		return map[string]any{}, ""
	case "DescribeUserPoolClient":
		if in.ClientId != p.machine {
			return nil, "ResourceNotFoundException"
		}
		return map[string]any{"UserPoolClient": map[string]any{"ClientId": p.machine, "ClientSecret": machineSecret}}, ""
	}
	return nil, "UnknownOperationException"
}

// serveToken knows the client credentials grant, and one scope.
func (p *userPool) serveToken(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	answer := map[string]any{}
	switch {
	case r.Method != http.MethodPost || id != p.machine || secret != machineSecret:
		answer["error"] = "invalid_client"
	case r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "airlock/read.any":
		answer["error"] = "invalid_scope"
	default:
		token, err := p.issuer.Sign(map[string]any{"sub": p.machine, "client_id": p.machine, "scope": "airlock/read.any"})
		if err != nil {
			answer["error"] = "server_error"
			break
		}
		p.secrets = append(p.secrets, token)
		answer["access_token"] = token
	}
	if answer["error"] != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// told returns the secrets that text holds, and everything else in it that opens
// something.
func (p *userPool) told(text string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	marks := append(slices.Clone(p.secrets), "Signature=", "X-Amz-", "Key-Pair-Id=", "eyJ", "PRIVATE KEY")
	return slices.DeleteFunc(marks, func(mark string) bool { return !strings.Contains(text, mark) })
}
