using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Platform.Audit;

/// <summary>An access log whose writer runs when a test says so.</summary>
internal sealed class TestAccessLog : IDisposable
{
    private readonly AccessLog accesses;
    private readonly AccessIndexMerger merger;
    private readonly AccessLogWriter writer;

    public TestAccessLog(TestDatabase database, TimeProvider? clock = null)
    {
        var options = Options.Create(new AccessLogOptions());
        var time = clock ?? TimeProvider.System;
        var tables = new AccessTables(database.Source);
        accesses = new AccessLog(options, TestMetrics.Create(), time);
        merger = new AccessIndexMerger(tables, time, NullLogger<AccessIndexMerger>.Instance);
        writer = new AccessLogWriter(accesses, tables, merger, options, time, NullLogger<AccessLogWriter>.Instance);
    }

    public Refusal? Add(Caller caller, AccessedRecords records) => accesses.Add(caller, records);

    public Task<int> WriteOnce(CancellationToken cancel) => writer.WriteOnce(cancel);

    public void Dispose()
    {
        writer.Dispose();
        merger.Dispose();
    }
}
