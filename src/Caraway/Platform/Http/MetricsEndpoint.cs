using Caraway.Platform.Telemetry;
using Caraway.Platform.Security;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Caraway.Platform.Http;

/// <summary>
/// <c>GET /metrics</c>: Caraway's facts and .NET's own meters, aggregated in this process from its first request on. A scrape reads memory
/// and never the database.
/// </summary>
internal sealed class MetricsEndpoint : IDisposable
{
    private static readonly string[] Meters =
        [CarawayMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime", "System.Net.Http", "Npgsql"];

    /// <summary>Seconds. .NET's own bounds begin at 5 ms, where most answers here have ended.</summary>
    private static readonly double[] Bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    /// <summary>Series of one metric, whose memory is taken at the start: routes by method and status, and all others. What is beyond is counted under <c>otel_metric_overflow</c>.</summary>
    private const int Routes = 2000;
    private const int Few = 200;

    private readonly Lock scraping = new();
    private readonly PrometheusExporter exporter = new();
    private readonly BaseExportingMetricReader reader;
    private readonly MeterProvider provider;

    public MetricsEndpoint()
    {
        reader = new BaseExportingMetricReader(exporter);
        provider = Sdk.CreateMeterProviderBuilder()
            .AddMeter(Meters)
            .AddView(instrument => instrument.Name switch
            {
                "http.server.request.duration" => new ExplicitBucketHistogramConfiguration { Boundaries = Bounds, CardinalityLimit = Routes },
                "db.client.operation.duration" or "caraway.jobs.batch.duration" => new ExplicitBucketHistogramConfiguration { Boundaries = Bounds, CardinalityLimit = Few },
                _ => new MetricStreamConfiguration { CardinalityLimit = Few },
            })
            .AddReader(reader)
            .Build();
    }

    public static void Add(IServiceCollection services)
    {
        services.AddOptions<MetricsOptions>().BindConfiguration("Metrics").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<MetricsEndpoint>();
        services.AddSingleton<CarawayMetrics>();
        services.AddSingleton<DatabaseGauges>();
        services.AddHostedService(provider => provider.GetRequiredService<DatabaseGauges>());
    }

    public static void Map(WebApplication app)
    {
        // Made now, so that nothing from here on goes uncounted.
        _ = app.Services.GetRequiredService<MetricsEndpoint>();
        _ = app.Services.GetRequiredService<CarawayMetrics>();
        var route = app.MapGet("/metrics", (MetricsEndpoint metrics) => TypedResults.Text(metrics.Scrape(), PrometheusExporter.ContentType))
            .DisableHttpMetrics().ExcludeFromDescription();
        if (app.Services.GetRequiredService<IOptions<MetricsOptions>>().Value.NeedKey)
            route.Needs(Permission.MetricsRead);
        else
            route.AllowAnonymous().WithMetadata(new Unlimited());
    }

    /// <summary>All metrics as they are now, in Prometheus' text format.</summary>
    public string Scrape()
    {
        lock (scraping)
        {
            return exporter.Collect!(Timeout.Infinite)
                ? exporter.Text
                : throw new InvalidOperationException("OpenTelemetry's SDK could not collect the metrics.");
        }
    }

    public void Dispose()
    {
        provider.Dispose();
        reader.Dispose();
        exporter.Dispose();
    }
}
