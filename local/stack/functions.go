package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"airlock/local/cloudfront"
	"airlock/local/iam"
	"airlock/local/lambda"
	"airlock/local/template"
)

// credentialTTL is how long a container's credentials live; about what has been
// seen of Lambda's.
const credentialTTL = 12 * time.Hour

// roles gives every function the principal its policies in the template allow.
func (s *Stack) roles() (map[string]*iam.Principal, error) {
	roles := map[string]*iam.Principal{}
	for _, f := range s.Template.Functions {
		p := &iam.Principal{Name: f.LogicalID, ARN: f.RoleARN}
		if s.options.Decided != nil {
			p.Decided = func(r iam.Request, allowed bool) { s.options.Decided(f.LogicalID, r, allowed) }
		}
		for _, document := range f.Policies {
			policy, err := iam.ParsePolicy(document)
			if err != nil {
				return nil, fmt.Errorf("the role of %s: %w", f.LogicalID, err)
			}
			p.Policies = append(p.Policies, policy)
		}
		roles[f.LogicalID] = p
	}
	return roles, nil
}

func (s *Stack) startLambda(roles map[string]*iam.Principal, binaries map[string]string) error {
	config := lambda.Config{
		IAM: s.iam, Region: Region, AccountID: AccountID,
		Credentials: func(logicalID string) iam.Credentials {
			c := s.iam.Issue(roles[logicalID], credentialTTL)
			s.options.Issued(logicalID, c)
			return c
		},
		Log: func(logicalID string, line []byte) {
			s.log.Info("function", slog.String("function", logicalID), slog.String("line", string(line)))
		},
	}
	environments := map[string]map[string]string{}
	for _, f := range s.Template.Functions {
		config.Functions = append(config.Functions, lambda.Function{
			Function: f, Bootstrap: binaries[f.LogicalID], MaxConcurrency: f.ReservedConcurrency,
		})
		environments[f.LogicalID] = s.localEnvironment(f)
		s.options.Environment(f.LogicalID, environments[f.LogicalID])
	}
	config.Environment = func(logicalID string) map[string]string { return environments[logicalID] }
	var err error
	s.Lambda, err = lambda.New(config)
	return err
}

// localEnvironment is what a function's variables are here instead of on AWS:
// where one is https:// and a host of the stack, it becomes http:// and the
// address that plays it; and SDK clients are sent to the embedded services.
func (s *Stack) localEnvironment(f template.Function) map[string]string {
	hosts := map[string]string{
		"https://" + s.Template.APIs[0].Host:                  s.Endpoints.API,
		"https://" + s.Template.Distributions[0].DomainName:   s.Endpoints.CDN,
		"https://" + s.Template.Buckets[0].RegionalDomainName: s.Endpoints.S3 + "/" + s.Template.Buckets[0].Name,
	}
	for _, alias := range s.Template.Distributions[0].Aliases {
		hosts["https://"+alias] = s.Endpoints.CDN
	}
	if domain := s.Template.APIs[0].Domain; domain != nil {
		hosts["https://"+domain.Name] = s.Endpoints.API
	}
	env := map[string]string{}
	for name, value := range f.Environment {
		for aws, here := range hosts {
			if rest, ok := strings.CutPrefix(value, aws); ok && (rest == "" || rest[0] == '/') {
				env[name] = here + rest
			}
		}
	}
	maps.Copy(env, s.Endpoints.sdkVariables())
	return env
}

// invokeOnce invokes a function whose answer says nothing.
func (s *Stack) invokeOnce(ctx context.Context, logicalID string, payload []byte) error {
	response, functionError, err := s.invoke(ctx, logicalID, payload)
	if err == nil && functionError != "" {
		err = fmt.Errorf("%s: %s", functionError, response)
	}
	return err
}

func (s *Stack) invokeByARN(ctx context.Context, arn string, payload []byte) error {
	for _, f := range s.Template.Functions {
		if f.ARN == arn {
			return s.invokeOnce(ctx, f.LogicalID, payload)
		}
	}
	return fmt.Errorf("there is no function %s", arn)
}

// runSchedules invokes functions at their times, counted from the start.
func (s *Stack) runSchedules(ctx context.Context) {
	for _, f := range s.Template.Functions {
		for _, schedule := range f.Schedules {
			s.services.Go(func() {
				ticks := time.NewTicker(schedule.Every)
				defer ticks.Stop()
				for {
					select {
					case <-ctx.Done():
						return
					case <-ticks.C:
					}
					if err := s.invokeOnce(ctx, f.LogicalID, []byte(schedule.Input)); err != nil {
						s.log.WarnContext(ctx, "a scheduled run failed", slog.String("function", f.LogicalID), slog.String("cause", err.Error()))
					}
				}
			})
		}
	}
}

func (s *Stack) invoke(ctx context.Context, logicalID string, payload []byte) (response []byte, functionError string, err error) {
	r, err := s.Lambda.Invoke(ctx, logicalID, payload)
	return r.Payload, r.FunctionError, err
}

// pollQueues hands each queue's messages to the functions that wait for them.
func (s *Stack) pollQueues(ctx context.Context) {
	for _, f := range s.Template.Functions {
		for _, source := range f.Queues {
			s.pollers.Go(func() {
				err := s.Queue.Poll(ctx, source, func(ctx context.Context, payload []byte) ([]byte, string, error) {
					return s.invoke(ctx, f.LogicalID, payload)
				})
				if err != nil && !errors.Is(err, context.Canceled) {
					s.log.ErrorContext(ctx, "the event source of a function ended", slog.String("function", f.LogicalID), slog.String("cause", err.Error()))
				}
			})
		}
	}
}

// origins lets the distribution read its buckets as the service
// cloudfront.amazonaws.com, which only a bucket policy can allow.
func (s *Stack) origins(d template.Distribution) map[string]cloudfront.Origin {
	origins := map[string]cloudfront.Origin{}
	for _, o := range d.Origins {
		for _, b := range s.Template.Buckets {
			if o.DomainName != b.RegionalDomainName {
				continue
			}
			credentials := newAccessKey()
			s.iam.Add(&iam.Principal{
				Name: d.LogicalID, ARN: "cloudfront.amazonaws.com",
				Context: map[string][]string{"aws:sourcearn": {d.ARN}, "aws:sourceaccount": {AccountID}},
			}, credentials)
			s.options.Issued(d.LogicalID, credentials)
			origins[o.ID] = cloudfront.Origin{URL: s.Endpoints.S3 + "/" + b.Name, Region: Region, Credentials: credentials}
		}
	}
	return origins
}
