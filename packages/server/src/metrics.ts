/**
 * Prometheus metrics. Labels are routes and states, never accounts or models: a scrape tells no tenant's
 * business.
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Job, TaskRow } from './jobs/rows.ts';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export interface MetricSources {
  queueDepth(): number | Promise<number>;
  jobsRunning(): number;
  tasks(): Promise<{ program: string; state: string; count: number }[]>;
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
  readonly tasksStarted = new Counter({
    name: 'velum_tasks_started_total',
    help: 'Program tasks that were started, by program',
    labelNames: ['program'] as const,
    registers: [this.registry],
  });
  readonly tasksFinished = new Counter({
    name: 'velum_tasks_finished_total',
    help: 'Program tasks that ended here, by program and state',
    labelNames: ['program', 'state'] as const,
    registers: [this.registry],
  });
  readonly taskCompute = new Histogram({
    name: 'velum_task_compute_seconds',
    help: 'Homomorphic computation per completed task, by program',
    labelNames: ['program'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly bootstraps = new Counter({
    name: 'velum_bootstraps_total',
    help: 'Bootstraps of completed tasks',
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

  jobFinished(job: Job): void {
    this.jobsFinished.inc({ state: job.state });
    if (job.compute_ms !== null) this.compute.observe(job.compute_ms / 1000);
  }

  taskFinished(task: TaskRow): void {
    this.tasksFinished.inc({ program: task.task_name, state: task.state });
    if (task.compute_ms !== null) {
      this.taskCompute.observe({ program: task.task_name }, task.compute_ms / 1000);
      this.bootstraps.inc(task.work_total);
    }
  }

  /** Gauges that are read at the moment of a scrape. */
  watch(sources: MetricSources): void {
    const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          this.set(await read());
        },
      });
    new Gauge({
      name: 'velum_tasks',
      help: 'Records of program tasks by program and state, of all processes on the database',
      labelNames: ['program', 'state'] as const,
      registers: [this.registry],
      async collect() {
        this.reset();
        for (const { program, state, count } of await sources.tasks()) this.set({ program, state }, count);
      },
    });
    gauge('velum_queue_depth', 'Jobs and tasks waiting for a worker', sources.queueDepth);
    gauge('velum_jobs_running', 'Jobs and tasks being computed by this process', sources.jobsRunning);
    gauge('velum_workers_ready', 'Compute workers that are up', sources.workersReady);
    gauge('velum_workers_idle', 'Compute workers with nothing to do', sources.workersIdle);
    gauge('process_resident_memory_bytes', 'Memory of the API process', () => process.memoryUsage.rss());
    gauge('process_uptime_seconds', 'Age of the API process', () => process.uptime());
  }
}
