package gateway

import (
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// Below a twentieth of the data folder's disk, or 1 GiB of one over 20 GiB, it is degraded: four spools of outputs (256 MiB each), or ten files of events, still
// find room before the disk refuses the audit log and the node must fail. Never less than 64 MiB, which the smallest of all this takes at once.
const (
	mostLeastFree  = 1 << 30
	leastLeastFree = 64 << 20
	leastPart      = 20
)

// leastFree is how many bytes a disk of that size must have free to be well.
func leastFree(whole uint64) uint64 { return max(leastLeastFree, min(mostLeastFree, whole/leastPart)) }

// diskRoom is what the disk of a folder has free for this process, and in all, in bytes.
func diskRoom(dir string) (free, whole uint64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	return uint64(fs.Bavail) * uint64(fs.Bsize), uint64(fs.Blocks) * uint64(fs.Bsize), nil
}

// diskCollector tells how full the data folder's disk is; nothing while that is not known.
type diskCollector struct{ dir string }

var (
	diskFree = prometheus.NewDesc("gateway_data_disk_free_bytes", "What the disk of the data folder has free for the gateway.", nil, nil)
	diskSize = prometheus.NewDesc("gateway_data_disk_size_bytes", "What it has in all.", nil, nil)
)

// Describe implements prometheus.Collector.
func (diskCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- diskFree
	ch <- diskSize
}

// Collect implements prometheus.Collector.
func (c diskCollector) Collect(ch chan<- prometheus.Metric) {
	free, whole, err := diskRoom(c.dir)
	if err != nil {
		return // the part data_disk of gateway_part_state says so
	}
	ch <- prometheus.MustNewConstMetric(diskFree, prometheus.GaugeValue, float64(free))
	ch <- prometheus.MustNewConstMetric(diskSize, prometheus.GaugeValue, float64(whole))
}
