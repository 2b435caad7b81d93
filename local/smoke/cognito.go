package smoke

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// userPool is the stack's user pool, where it has one.
type userPool struct {
	client   *cognito.Client
	deployed deployed
	users    map[string]user // by what the story calls them
}

type user struct{ name, password string }

func newUserPool(config aws.Config, d deployed) *userPool {
	return &userPool{client: cognito.NewFromConfig(config), deployed: d, users: map[string]user{}}
}

// makeUser makes a user who can sign in.
func (p *userPool) makeUser(ctx context.Context, subject string) error {
	u := user{
		// The pool takes addresses for names. Nobody gets mail at this one.
		name: "airlock-smoke-" + strings.ToLower(rand.Text()) + "@example.com",
		// Of every kind of character that a pool may ask for.
		password: "Aa1-" + rand.Text(),
	}
	p.users[subject] = u // before it is there: an answer may be lost
	_, err := p.client.AdminCreateUser(ctx, &cognito.AdminCreateUserInput{
		UserPoolId: &p.deployed.userPool, Username: &u.name, MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: []types.AttributeType{
			{Name: aws.String("email"), Value: &u.name}, {Name: aws.String("email_verified"), Value: aws.String("true")},
		},
	})
	if err != nil {
		return fmt.Errorf("making a user: %w", err)
	}
	_, err = p.client.AdminSetUserPassword(ctx, &cognito.AdminSetUserPasswordInput{
		UserPoolId: &p.deployed.userPool, Username: &u.name, Password: &u.password, Permanent: true,
	})
	if err != nil {
		return fmt.Errorf("giving the user a password: %w", err)
	}
	return nil
}

// userToken signs a user in.
func (p *userPool) userToken(ctx context.Context, subject string) (string, error) {
	u := p.users[subject]
	out, err := p.client.AdminInitiateAuth(ctx, &cognito.AdminInitiateAuthInput{
		UserPoolId: &p.deployed.userPool, ClientId: &p.deployed.userPoolClient, AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": u.name, "PASSWORD": u.password},
	})
	if err != nil {
		return "", fmt.Errorf("signing %s in: %w", subject, err)
	}
	if out.AuthenticationResult == nil || out.AuthenticationResult.AccessToken == nil {
		return "", fmt.Errorf("signing %s in: Cognito asks for %s, which nobody here can answer: give TOKEN and TOKEN_OTHER", subject, out.ChallengeName)
	}
	return *out.AuthenticationResult.AccessToken, nil
}

// removeUsers tries to remove every user, and says who may be left.
func (p *userPool) removeUsers(ctx context.Context) error {
	var errs []error
	for _, u := range p.users {
		_, err := p.client.AdminDeleteUser(ctx, &cognito.AdminDeleteUserInput{UserPoolId: &p.deployed.userPool, Username: &u.name})
		if gone := (*types.UserNotFoundException)(nil); err != nil && !errors.As(err, &gone) {
			errs = append(errs, fmt.Errorf("the user %s may be left in the user pool %s: %w", u.name, p.deployed.userPool, err))
		}
	}
	return errors.Join(errs...)
}

// machineToken gets a token for the machine client, by the client credentials
// grant (RFC 6749, 4.4).
func (p *userPool) machineToken(ctx context.Context, scopes []string) (string, error) {
	described, err := p.client.DescribeUserPoolClient(ctx, &cognito.DescribeUserPoolClientInput{
		UserPoolId: &p.deployed.userPool, ClientId: &p.deployed.machineClient,
	})
	if err != nil {
		return "", fmt.Errorf("reading the machine client: %w", err)
	}
	if described.UserPoolClient == nil || described.UserPoolClient.ClientSecret == nil {
		return "", errors.New("the machine client has no secret")
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.deployed.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(p.deployed.machineClient, *described.UserPoolClient.ClientSecret)
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the secret goes nowhere else
	}}
	res, err := client.Do(r)
	if err != nil {
		return "", fmt.Errorf("getting the machine client's token: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
		Error       string `json:"error"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&answer)
	if err != nil || res.StatusCode != http.StatusOK || answer.AccessToken == "" {
		return "", fmt.Errorf("getting the machine client's token: answered %d %.100s", res.StatusCode, answer.Error)
	}
	return answer.AccessToken, nil
}
