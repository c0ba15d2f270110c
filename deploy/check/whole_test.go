package check

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	disruption "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// whole holds that the objects fit each other: what an API server takes, and a cluster then does nothing with.
func whole(objects []runtime.Object) error {
	pods := map[string]*apps.StatefulSet{}
	for _, o := range objects {
		if s, ok := o.(*apps.StatefulSet); ok {
			pods[s.Name] = s
		}
	}
	var errs []error
	for _, s := range pods {
		errs = append(errs, podIsWhole(s))
	}
	for _, o := range objects {
		switch o := o.(type) {
		case *core.Service:
			errs = append(errs, serviceIsWhole(o, pods))
		case *disruption.PodDisruptionBudget:
			if selected(o.Spec.Selector.MatchLabels, pods) == nil {
				errs = append(errs, fmt.Errorf("the budget %s is of no pods", o.Name))
			}
		case *autoscaling.HorizontalPodAutoscaler:
			if s := pods[o.Spec.ScaleTargetRef.Name]; s == nil || s.Spec.Replicas != nil {
				errs = append(errs, fmt.Errorf("the autoscaler %s scales nothing, or what has a number of its own", o.Name))
			}
		}
	}
	return errors.Join(errs...)
}

func selected(selector map[string]string, pods map[string]*apps.StatefulSet) *apps.StatefulSet {
	for _, s := range pods {
		if labels.SelectorFromSet(selector).Matches(labels.Set(s.Spec.Template.Labels)) {
			return s
		}
	}
	return nil
}

func serviceIsWhole(s *core.Service, pods map[string]*apps.StatefulSet) error {
	set := selected(s.Spec.Selector, pods)
	if set == nil {
		return fmt.Errorf("the service %s is of no pods", s.Name)
	}
	for _, p := range s.Spec.Ports {
		if !hasPort(set.Spec.Template.Spec.Containers[0], p.TargetPort.String()) {
			return fmt.Errorf("the service %s leads to no port %s", s.Name, p.TargetPort.String())
		}
	}
	return nil
}

func hasPort(c core.Container, name string) bool {
	for _, p := range c.Ports {
		if p.Name == name || strconv.Itoa(int(p.ContainerPort)) == name {
			return true
		}
	}
	return false
}

func podIsWhole(s *apps.StatefulSet) error {
	pod := s.Spec.Template
	if !labels.SelectorFromSet(s.Spec.Selector.MatchLabels).Matches(labels.Set(pod.Labels)) {
		return fmt.Errorf("%s does not select its pods", s.Name)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
		if v.Secret != nil && (v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o400) {
			return fmt.Errorf("%s: the secret %s can be read by others", s.Name, v.Name)
		}
	}
	for _, c := range s.Spec.VolumeClaimTemplates {
		volumes[c.Name] = true
	}
	c := pod.Spec.Containers[0]
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			return fmt.Errorf("%s mounts %s, which is no volume", s.Name, m.Name)
		}
	}
	for _, p := range []*core.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		switch {
		case p == nil:
		case p.HTTPGet != nil && !hasPort(c, p.HTTPGet.Port.String()), p.TCPSocket != nil && !hasPort(c, p.TCPSocket.Port.String()):
			return fmt.Errorf("%s is probed at a port that it has not", s.Name)
		}
	}
	return outlivesItsGrace(s.Name, pod.Spec)
}

// outlivesItsGrace holds that the kubelet waits for longer than the gateway takes to end.
func outlivesItsGrace(name string, pod core.PodSpec) error {
	var takes time.Duration
	for _, e := range pod.Containers[0].Env {
		if e.Name == "GW_SHUTDOWN_DELAY" || e.Name == "GW_GRACE_PERIOD" {
			d, err := time.ParseDuration(e.Value)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", name, e.Name, err)
			}
			takes += d
		}
	}
	if given := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; given <= takes {
		return fmt.Errorf("%s takes %s to end and is given %s", name, takes, given)
	}
	if strings.Contains(name, "chat") {
		return nil
	}
	if takes == 0 {
		return fmt.Errorf("%s: how long it takes to end is not said", name)
	}
	return nil
}
