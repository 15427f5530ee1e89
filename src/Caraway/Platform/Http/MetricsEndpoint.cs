using System.Diagnostics.Metrics;
using Caraway.Platform.Security;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Options;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;

namespace Caraway.Platform.Http;

/// <summary>
/// <c>GET /metrics</c>: Caraway's facts and .NET's own meters, aggregated in this process from its first request on. A scrape reads memory
/// and never the database.
/// </summary>
internal static class MetricsEndpoint
{
    private static readonly string[] Meters =
        [
            CarawayMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime",
            "System.Net.Http", "Npgsql",
        ];

    /// <summary>Seconds. .NET's own bounds begin at 5 ms, where most answers here have ended.</summary>
    private static readonly double[] Bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    /// <summary>
    /// The most series of one metric, whose memory is taken at the start: routes by method and status, and all others. Further series are
    /// counted under <c>otel_metric_overflow</c>.
    /// </summary>
    private const int Routes = 2000;
    private const int Few = 200;

    public static void Add(IServiceCollection services)
    {
        services.AddOptions<MetricsOptions>().BindConfiguration("Metrics").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<CarawayMetrics>();
        services.AddSingleton<DatabaseGauges>();
        services.AddHostedService(provider => provider.GetRequiredService<DatabaseGauges>());
        services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(Meters).AddPrometheusExporter(prometheus =>
        {
            prometheus.ScopeInfoEnabled = false;
            prometheus.TargetInfoEnabled = false;
        }));
        services.AddOptions<PrometheusAspNetCoreOptions>().Configure<IOptions<MetricsOptions>>((prometheus, metrics) =>
            prometheus.ScrapeResponseCacheDurationMilliseconds = metrics.Value.CacheMilliseconds);
        services.ConfigureOpenTelemetryMeterProvider((provider, metrics) =>
        {
            var factory = provider.GetRequiredService<IMeterFactory>();
            metrics.AddView(instrument => View(instrument, factory));
        });
    }

    public static void Map(WebApplication app)
    {
        // Created now, so that everything from here on is counted.
        _ = app.Services.GetRequiredService<CarawayMetrics>();
        var route = app.MapPrometheusScrapingEndpoint("/metrics", null, branch => branch.Use(Collect), null)
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get]))
            .DisableHttpMetrics()
            .ExcludeFromDescription();
        if (app.Services.GetRequiredService<IOptions<MetricsOptions>>().Value.NeedKey)
            route.Needs(Permission.MetricsRead);
        else
            route.AllowAnonymous();
    }

    /// <summary>
    /// Takes the text from the exporter before anything is sent: the exporter serves one reader at a time, and a reader that stops
    /// reading would keep the others out for a minute. Every caller gets the format 0.0.4: OpenMetrics, which Prometheus asks for, writes
    /// the bounds of histograms with other digits and adds series of its own.
    /// </summary>
    private static async Task Collect(HttpContext context, RequestDelegate exporter)
    {
        context.Request.Headers.Accept = default;
        var answer = context.Response.Body;
        using var text = new MemoryStream(64 * 1024);
        context.Response.Body = text;
        try
        {
            await exporter(context);
        }
        finally
        {
            context.Response.Body = answer;
        }

        if (context.Response.StatusCode != StatusCodes.Status200OK || text.Length == 0)
            throw new InvalidOperationException("OpenTelemetry's exporter could not collect the metrics.");
        context.Response.ContentLength = text.Length;
        text.Position = 0;
        await text.CopyToAsync(answer, context.RequestAborted);
    }

    /// <summary>A meter of another application in the same process is left out; a meter without a scope belongs to the process.</summary>
    private static MetricStreamConfiguration View(Instrument instrument, IMeterFactory factory) => instrument switch
    {
        { Meter.Scope: { } scope } when !ReferenceEquals(scope, factory) => MetricStreamConfiguration.Drop,
        { Name: "http.server.request.duration" } =>
                    new ExplicitBucketHistogramConfiguration { Boundaries = Bounds, CardinalityLimit = Routes },
        { Name: "db.client.operation.duration" or "caraway.jobs.batch.duration" } =>
            new ExplicitBucketHistogramConfiguration { Boundaries = Bounds, CardinalityLimit = Few },
        _ => new MetricStreamConfiguration { CardinalityLimit = Few },
    };
}
