using Caraway.Platform.Hosting;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Caraway.Platform.Http;
using Caraway.Platform.Telemetry;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Caraway.Tests.Platform.Telemetry;

/// <summary>The metrics of one application, while others run in the same process.</summary>
public sealed partial class MetricsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Label = """
        [a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\.)*"
        """;

    [GeneratedRegex(
        "^[a-zA-Z_:][a-zA-Z0-9_:]*(\\{(" + Label + "(," + Label + ")*)?\\})? (-?[0-9.]+(E[+-]?[0-9]+)?|NaN|[+-]Inf)$",
        RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Sample { get; }

    /// <summary>The answers 404 of one route.</summary>
    private const string Series = "http_server_request_duration_seconds_count{http_request_method=\"GET\","
        + "http_response_status_code=\"404\",http_route=\"/cases/{id}\",";

    private const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    [Fact]
    public async Task Metrics_need_no_credential_and_have_the_text_format()
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/metrics", null);

        Assert.Equal((200, ContentType), (answer.Status, answer.Headers["Content-Type"]));
        Assert.EndsWith("\n", answer.Body, StringComparison.Ordinal);
        var lines = answer.Body.TrimEnd('\n').Split('\n');
        Assert.Contains($"caraway_build_info{{version=\"{ProgramVersion.Text}\"}} 1", lines);
        var comments = new[] { "# HELP ", "# TYPE " };
        var samples = lines.Where(line => !comments.Any(comment => line.StartsWith(comment, StringComparison.Ordinal))).ToList();
        Assert.NotEmpty(samples);
        Assert.All(samples, line => Assert.True(Sample.IsMatch(line), line));
        var types = lines.Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line.Split(' ')[2]).ToList();
        Assert.Equal(types.Distinct(StringComparer.Ordinal), types);
        string[] families =
        [
            "kestrel_active_connections", "dotnet_gc_collections_total", "db_client_operation_duration_seconds", "process",
            "http_server_active_requests",
        ];
        foreach (var family in families)
            Assert.Contains(types, type => type.Contains(family, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_answer_is_given_again_for_a_moment_and_requests_count_for_the_limit()
    {
        await using var own = await OwnCaraway.Start(
            caraway.Database.Address, ("Metrics:CacheMilliseconds", "60000"), ("RateLimits:AddressPerMinute", "3"));
        using var stranger = new HttpClient { BaseAddress = own.Client.BaseAddress };
        var first = await stranger.GetStringAsync("/metrics");
        Assert.Equal(404, (int)(await own.Client.GetAsync("/cases/999999995")).StatusCode);

        Assert.Equal(first, await stranger.GetStringAsync("/metrics"));
        Assert.Equal(200, (int)(await stranger.GetAsync("/metrics")).StatusCode);
        Assert.Equal(429, (int)(await stranger.GetAsync("/metrics")).StatusCode);
    }

    [Fact]
    public async Task Requests_are_counted_by_route_method_and_status()
    {
        var before = await Read(Series);

        await caraway.Get("/cases/999999999");
        await caraway.Get("/cases/999999998");

        await Counted(Series, before + 2);
    }

    [Fact]
    public async Task The_buckets_of_a_histogram_are_cumulative_and_end_at_its_count()
    {
        const string Prefix = "http_server_request_duration_seconds_";
        const string Labels = "{http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/cases\","
            + "network_protocol_version=\"1.1\",url_scheme=\"http\"";
        await caraway.Get("/cases");
        await Counted(Prefix + "count" + Labels, 1);
        var body = await Body();
        List<double> Values(string series) =>
            [.. body.Split('\n').Where(line => line.StartsWith(series, StringComparison.Ordinal)).Select(Value)];
        var buckets = Values(Prefix + "bucket" + Labels);

        Assert.Equal(15, buckets.Count);
        Assert.Equal(buckets.Order(), buckets);
        Assert.Equal([buckets[^1]], Values(Prefix + "count" + Labels));
        Assert.Contains("le=\"0.0005\"", body, StringComparison.Ordinal);
        Assert.Contains("le=\"+Inf\"", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_timer_reads_the_gauges_from_the_database()
    {
        var gauges = caraway.Services.GetRequiredService<DatabaseGauges>();
        await caraway.OpenCase();
        await gauges.ReadOnce(default);
        var before = await Read("""caraway_cases{status="NEW"}""");

        await caraway.OpenCase();
        Assert.Equal(before, await Read("""caraway_cases{status="NEW"}"""));

        await gauges.ReadOnce(default);
        Assert.Equal(before + 1, await Read("""caraway_cases{status="NEW"}"""));
    }

    [Fact]
    public async Task Gauges_show_waiting_jobs_and_their_delay_and_an_ended_series_is_zero()
    {
        var gauges = caraway.Services.GetRequiredService<DatabaseGauges>();
        await caraway.Database.Execute("""
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            values ('documents', 'process_document', 'metrics:1', '{}', now() - interval '1 hour', now(), now()),
                ('documents', 'process_document', 'metrics:2', '{}', now() + interval '1 hour', now(), now())
            """);
        await gauges.ReadOnce(default);

        Assert.Equal(2, await Read("""caraway_jobs{queue="documents",state="queued"}"""));
        Assert.InRange(await Read("""caraway_jobs_oldest_queued_age_seconds{queue="documents"}"""), 3599, 3700);

        await caraway.Database.Execute("delete from platform.jobs");
        await gauges.ReadOnce(default);

        Assert.Equal(0, await Read("""caraway_jobs{queue="documents",state="queued"}"""));
        Assert.Equal(0, await Read("""caraway_jobs_oldest_queued_age_seconds{queue="documents"}"""));
    }

    /// <summary>Dashboards and alerts of operators know these names; docs/operations.md lists Caraway's own.</summary>
    [Fact]
    public async Task Metrics_keep_their_names_and_types()
    {
        string[] names =
        [
            "caraway_access_records_total counter",
            "caraway_access_refused_total counter",
            "caraway_build_info gauge",
            "caraway_cases gauge",
            "caraway_events_delay_seconds histogram",
            "caraway_events_failed_total counter",
            "caraway_events_lag gauge",
            "caraway_events_retries gauge",
            "caraway_events_unsequenced_age_seconds gauge",
            "caraway_gauges_age_seconds gauge",
            "caraway_jobs gauge",
            "caraway_jobs_batch_duration_seconds histogram",
            "caraway_jobs_ended_total counter",
            "caraway_jobs_oldest_queued_age_seconds gauge",
            "caraway_jobs_returned_total counter",
            "db_client_connection_count gauge",
            "db_client_operation_duration_seconds histogram",
            "db_client_operation_npgsql_bytes_read_bytes_total counter",
            "db_client_operation_npgsql_prepared_ratio gauge",
            "dotnet_gc_collections_total counter",
            "dotnet_gc_pause_time_seconds_total counter",
            "dotnet_process_cpu_time_seconds_total counter",
            "dotnet_process_memory_working_set_bytes gauge",
            "http_server_active_requests gauge",
            "http_server_request_duration_seconds histogram",
            "kestrel_active_connections gauge",
        ];
        await caraway.OpenCase();
        var metrics = caraway.Services.GetRequiredService<CarawayMetrics>();
        metrics.JobsSucceeded("documents", 1);
        metrics.JobsReturned(1);
        metrics.JobBatchWorked("documents", TimeSpan.FromMilliseconds(1));
        metrics.EventHandled("names", TimeSpan.FromMilliseconds(1));
        metrics.EventFailed("names", parked: false);
        metrics.AccessesRecorded(1);
        metrics.AccessRefused();
        await caraway.Database.Execute("""
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            values ('documents', 'process_document', 'names:1', '{}', now() - interval '1 hour', now(), now())
            """);
        await caraway.Services.GetRequiredService<DatabaseGauges>().ReadOnce(default);
        await caraway.Database.Execute("delete from platform.jobs");
        metrics.GaugeRead("caraway.events.lag", [new GaugeReading { Labels = ["names"], Value = 1 }]);
        metrics.GaugeRead("caraway.events.retries", [new GaugeReading { Labels = ["names", "waiting"], Value = 1 }]);

        var lines = (await Body()).Split('\n');
        Assert.All(names, name => Assert.Contains("# TYPE " + name, lines));
    }

    [Fact]
    public async Task Every_caller_gets_the_same_format_and_no_label_is_added()
    {
        const string Prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        await caraway.OpenCase();

        foreach (var accept in new[] { Prometheus, "text/plain;version=1.0.0;escaping=allow-utf-8", "image/png" })
        {
            var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/metrics", null, ("Accept", accept));
            Assert.Equal((200, ContentType), (answer.Status, answer.Headers["Content-Type"]));
            Assert.Contains("le=\"10\"", answer.Body, StringComparison.Ordinal);
            foreach (var addition in new[] { "# EOF", "_created", "otel_scope", "target_info" })
                Assert.DoesNotContain(addition, answer.Body, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Metrics_are_read_only(string method) =>
        Assert.Equal(405, (await CarawayFixture.Send(caraway.Stranger, new HttpMethod(method), "/metrics", null)).Status);

    [Fact]
    public async Task Label_values_are_escaped()
    {
        caraway.Services.GetRequiredService<CarawayMetrics>().EventFailed("a\\b\"c\nd", parked: true);

        Assert.Contains("""caraway_events_failed_total{handler="a\\b\"c\nd",result="parked"} 1""", await Body(), StringComparison.Ordinal);
    }

    /// <summary>The exporter serves one reader at a time. A caller that does not read its answer must not keep Prometheus out.</summary>
    [Fact]
    public async Task A_caller_that_does_not_read_keeps_nobody_out()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 2048 };
        await socket.ConnectAsync(caraway.Url.Host, caraway.Url.Port);
        var request = Encoding.ASCII.GetBytes($"GET /metrics HTTP/1.1\r\nHost: {caraway.Url.Authority}\r\n\r\n");
        for (var sent = 0; sent < 300; sent++)
            await socket.SendAsync(request);
        // The answers fill the buffers of both sides.
        await Task.Delay(TimeSpan.FromSeconds(1));

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        Assert.Equal(200, (int)(await caraway.Stranger.GetAsync(new Uri("/metrics", UriKind.Relative), limit.Token)).StatusCode);
    }

    [Fact]
    public async Task Two_applications_in_one_process_count_their_own_requests()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address);
        var before = await Read(Series);
        for (var sent = 0; sent < 3; sent++)
            Assert.Equal(404, (int)(await own.Client.GetAsync("/cases/999999997")).StatusCode);

        await caraway.Get("/cases/999999996");

        await Counted(Series, before + 1);
        var others = await own.Client.GetStringAsync("/metrics");
        Assert.Equal(3, others.Split('\n').Where(line => line.StartsWith(Series, StringComparison.Ordinal)).Select(Value).Single());
    }

    [Fact]
    public async Task A_gauge_that_cannot_be_read_leaves_the_others_and_the_program_alone()
    {
        var gauges = caraway.Services.GetRequiredService<DatabaseGauges>();
        await caraway.OpenCase();
        await gauges.ReadOnce(default);
        var before = await Read("""caraway_cases{status="NEW"}""");
        await caraway.Database.Execute("alter table platform.jobs rename to hidden");
        try
        {
            await Assert.ThrowsAsync<PostgresException>(() => gauges.ReadOnce(default));
        }
        finally
        {
            await caraway.Database.Execute("alter table platform.hidden rename to jobs");
        }

        Assert.Equal(before, await Read("""caraway_cases{status="NEW"}"""));
        Assert.Equal(200, (await caraway.Get("/health")).Status);
    }

    [Fact]
    public async Task A_setting_asks_for_a_credential()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Metrics:NeedKey", "true"));
        using var stranger = new HttpClient { BaseAddress = own.Client.BaseAddress };

        Assert.Equal(401, (int)(await stranger.GetAsync("/metrics")).StatusCode);
        Assert.Equal(403, (int)(await own.Client.GetAsync("/metrics")).StatusCode);
        stranger.DefaultRequestHeaders.Add("Authorization", "Bearer " + await caraway.Token("auditor"));
        Assert.Equal(200, (int)(await stranger.GetAsync("/metrics")).StatusCode);
    }

    /// <summary>A request is counted just after its answer was sent.</summary>
    private async Task Counted(string series, double expected)
    {
        for (var tries = 0; await Read(series) < expected && tries < 100; tries++)
            await Task.Delay(20);
        Assert.Equal(expected, await Read(series));
    }

    private static double Value(string line) => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);

    private async Task<string> Body() => (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/metrics", null)).Body;

    private async Task<double> Read(string series) =>
        (await Body()).Split('\n').Where(line => line.StartsWith(series, StringComparison.Ordinal)).Select(Value).SingleOrDefault();
}
