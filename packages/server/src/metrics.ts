/**
 * Prometheus metrics. Labels are routes and states, never accounts or models: a scrape tells no tenant's
 * business.
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export interface MetricSources {
  queueDepth(): number;
  jobsRunning(): number;
  workersReady(): number;
  workersIdle(): number;
}

export class Metrics {
  readonly registry = new Registry();
  readonly requests = new Counter({
    name: 'velum_http_requests_total',
    help: 'HTTP requests by method, route and status',
    labelNames: ['method', 'route', 'status'] as const,
    registers: [this.registry],
  });
  readonly durations = new Histogram({
    name: 'velum_http_request_duration_seconds',
    help: 'HTTP request duration by method and route',
    labelNames: ['method', 'route'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly jobsFinished = new Counter({
    name: 'velum_jobs_finished_total',
    help: 'Jobs that ended, by state',
    labelNames: ['state'] as const,
    registers: [this.registry],
  });
  readonly compute = new Histogram({
    name: 'velum_job_compute_seconds',
    help: 'Homomorphic computation per completed job',
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly workerCrashes = new Counter({
    name: 'velum_worker_exits_total',
    help: 'Compute workers that ended and were replaced, cancelled jobs included',
    registers: [this.registry],
  });
  readonly bytes = new Counter({
    name: 'velum_bytes_total',
    help: 'Bytes of keys, data and results by direction',
    labelNames: ['direction', 'kind'] as const,
    registers: [this.registry],
  });

  /** Gauges that are read at the moment of a scrape. */
  watch(sources: MetricSources): void {
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    gauge('velum_queue_depth', 'Jobs waiting for a worker', sources.queueDepth);
    gauge('velum_jobs_running', 'Jobs being computed', sources.jobsRunning);
    gauge('velum_workers_ready', 'Compute workers that are up', sources.workersReady);
    gauge('velum_workers_idle', 'Compute workers with nothing to do', sources.workersIdle);
    gauge('process_resident_memory_bytes', 'Memory of the API process', () => process.memoryUsage.rss());
    gauge('process_uptime_seconds', 'Age of the API process', () => process.uptime());
  }
}
