using System.Diagnostics.Metrics;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Infrastructure;

/// <summary>Metrics that nobody scrapes, for parts that are tested without an application.</summary>
internal static class TestMetrics
{
    public static CarawayMetrics Create(params IEnumerable<DatabaseGauge> gauges) =>
        new(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>(), gauges, TimeProvider.System);
}
