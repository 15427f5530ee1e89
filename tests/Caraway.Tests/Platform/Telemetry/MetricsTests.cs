using Caraway.Platform.Hosting;
using System.Globalization;
using System.Text.RegularExpressions;
using Caraway.Platform.Http;
using Caraway.Platform.Telemetry;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OpenTelemetry.Metrics;

namespace Caraway.Tests.Platform.Telemetry;

/// <summary>Alone, for meters are the process's: other applications of the run would show in them.</summary>
[Collection(Alone.Name)]
public sealed partial class MetricsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [GeneratedRegex(@"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*=""([^""\\\n]|\\.)*""(,[a-zA-Z_][a-zA-Z0-9_]*=""([^""\\\n]|\\.)*"")*\})? (-?[0-9.]+(E[+-]?[0-9]+)?|NaN|[+-]Inf)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Sample { get; }

    [Fact]
    public async Task Metrics_are_open_and_in_the_text_format()
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/metrics", null);

        Assert.Equal((200, PrometheusExporter.ContentType), (answer.Status, answer.Headers["Content-Type"]));
        Assert.EndsWith("\n", answer.Body, StringComparison.Ordinal);
        var lines = answer.Body.TrimEnd('\n').Split('\n');
        Assert.Contains($"caraway_build_info{{version=\"{ProgramVersion.Text}\"}} 1", lines);
        Assert.All(lines, line => Assert.True(line.StartsWith("# HELP ", StringComparison.Ordinal) || line.StartsWith("# TYPE ", StringComparison.Ordinal) || Sample.IsMatch(line), line));
        var types = lines.Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line.Split(' ')[2]).ToList();
        Assert.Equal(types.Distinct(StringComparer.Ordinal), types);
        foreach (var family in new[] { "kestrel_active_connections", "dotnet_gc_collections_total", "db_client_operation_duration_seconds", "process", "http_server_active_requests" })
            Assert.Contains(types, type => type.Contains(family, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Requests_are_counted_by_route_method_and_status()
    {
        const string Series = """http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="404",http_route="/cases/{id}",""";
        var before = await Read(Series);

        await caraway.Get("/cases/999999999");
        await caraway.Get("/cases/999999998");

        await Counted(Series, before + 2);
    }

    [Fact]
    public async Task A_histograms_buckets_are_cumulative_and_end_at_its_count()
    {
        const string Labels = """{http_request_method="GET",http_response_status_code="200",http_route="/cases",network_protocol_version="1.1",url_scheme="http" """;
        var prefix = Labels.TrimEnd();
        await caraway.Get("/cases");
        await Counted("http_server_request_duration_seconds_count" + prefix, 1);
        var body = await Body();
        var buckets = body.Split('\n').Where(line => line.StartsWith("http_server_request_duration_seconds_bucket" + prefix, StringComparison.Ordinal)).Select(Value).ToList();

        Assert.Equal(15, buckets.Count);
        Assert.Equal(buckets.Order(), buckets);
        Assert.Equal(buckets[^1], body.Split('\n').Where(line => line.StartsWith("http_server_request_duration_seconds_count" + prefix, StringComparison.Ordinal)).Select(Value).Single());
        Assert.Contains("le=\"0.0005\"", body, StringComparison.Ordinal);
        Assert.Contains("le=\"+Inf\"", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_databases_gauges_are_read_on_demand_of_the_timer_alone()
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
    public async Task Waiting_jobs_and_how_late_they_are_can_be_seen_and_a_gone_series_is_zero()
    {
        var gauges = caraway.Services.GetRequiredService<DatabaseGauges>();
        await caraway.Database.Execute("""
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            values ('documents', 'process_document', 'metrics:1', '{}', now() - interval '1 hour', now(), now()), ('documents', 'process_document', 'metrics:2', '{}', now() + interval '1 hour', now(), now())
            """);
        await gauges.ReadOnce(default);

        Assert.Equal(2, await Read("""caraway_jobs{queue="documents",state="queued"}"""));
        Assert.InRange(await Read("""caraway_jobs_oldest_queued_age_seconds{queue="documents"}"""), 3599, 3700);

        await caraway.Database.Execute("delete from platform.jobs");
        await gauges.ReadOnce(default);

        Assert.Equal(0, await Read("""caraway_jobs{queue="documents",state="queued"}"""));
        Assert.Equal(0, await Read("""caraway_jobs_oldest_queued_age_seconds{queue="documents"}"""));
    }

    [Theory]
    [InlineData("http.server.request.duration", "s", MetricType.Histogram, "http_server_request_duration_seconds")]
    [InlineData("http.server.active_requests", "{request}", MetricType.LongSumNonMonotonic, "http_server_active_requests")]
    [InlineData("dotnet.gc.collections", "{collection}", MetricType.LongSum, "dotnet_gc_collections_total")]
    [InlineData("dotnet.process.memory.working_set", "By", MetricType.LongSumNonMonotonic, "dotnet_process_memory_working_set_bytes")]
    [InlineData("db.client.operation.npgsql.prepared_ratio", "1", MetricType.DoubleGauge, "db_client_operation_npgsql_prepared_ratio")]
    [InlineData("caraway.jobs.total", "", MetricType.LongSum, "caraway_jobs_total")]
    public void Names_follow_opentelemetrys_prometheus_specification(string name, string unit, MetricType type, string expected) =>
        Assert.Equal(expected, PrometheusExporter.Name(name, unit, type));

    [Fact]
    public void Label_values_are_escaped() => Assert.Equal("""a\\b\"c\nd""", PrometheusExporter.LabelValue("a\\b\"c\nd"));

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

/// <summary>A class of its own: the end of one application takes its meters away from the others of the process.</summary>
[Collection(Alone.Name)]
public sealed class MetricsCredentialTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
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
}
