// Package shed refuses work while this process can't keep up with what it is asked, the least entitled first, so that the rest is served in time.
//
// What tells is the queue time: how long what is ready to run waits for a processor, as Go's scheduler counts it. It grows with this node's own
// load and with nothing else: a back end that is slow, or a client, costs none. Where it stays over the target, callers are refused class by
// class and, within a class, by who they are: the same ones for a while, for half an answer to each is of no use to anybody.
//
// After DAGOR: Zhou et al., Overload Control for Scaling WeChat Microservices, SoCC 2018, section 4.2.
package shed
