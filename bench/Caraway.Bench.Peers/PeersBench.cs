using System.Globalization;
using Npgsql;

namespace Caraway.Bench.Peers;

/// <summary>Runs the sides in turn on one database.</summary>
internal sealed class PeersBench(BenchDatabase database, PeersBench.Plan plan)
{
    private readonly Effects effects = new(database);

    /// <summary>How long and how often.</summary>
    internal sealed record Plan
    {
        public required IReadOnlyList<SideOptions> Sides { get; init; }

        public required int Runs { get; init; }

        public required int Jobs { get; init; }

        public required int Loaded { get; init; }

        public required int PerSecond { get; init; }

        public required int Seconds { get; init; }

        public required int Kills { get; init; }
    }

    public async Task<IReadOnlyList<SideFigures>> Run(CancellationToken cancel)
    {
        var runs = plan.Sides.ToDictionary(side => side, _ => new List<RunFigures>());
        for (var run = 0; run < plan.Runs; run++)
        {
            // Another side begins each time.
            foreach (var side in plan.Sides.Skip(run % plan.Sides.Count).Concat(plan.Sides.Take(run % plan.Sides.Count)))
            {
                runs[side].Add(await Measure(side, cancel));
                Console.Error.WriteLine($"{side}, run {run + 1}: {runs[side][^1]}");
            }
        }

        var figures = new List<SideFigures>();
        foreach (var side in plan.Sides)
        {
            var kills = plan.Kills > 0 ? await Kill(side, cancel) : null;
            Console.Error.WriteLine($"{side}: {kills}");
            figures.Add(new SideFigures(side, runs[side], kills));
        }

        return figures;
    }

    private async Task<RunFigures> Measure(SideOptions side, CancellationToken cancel)
    {
        await effects.Clear(cancel);
        await using var process = await SideProcess.Start(side, Address(side), cancel);

        // The process compiles its code here, and not while it is measured.
        await process.Do("work", cancel);
        await process.Do("queue 1 2000", cancel);
        await effects.Wait(2000, cancel);
        await process.Do("rest", cancel);

        await Forget(cancel);
        await process.Do(string.Create(CultureInfo.InvariantCulture, $"queue 1000001 {plan.Jobs}"), cancel);
        await effects.Settle(cancel);
        await process.Do("work", cancel);
        // From the first effect on, so that starting the workers does not count.
        await effects.Wait(1, cancel);
        var backend = await effects.Backend(cancel);
        var (began, done) = (Cpu.Now(process.Id, backend), await effects.Count(cancel));
        await effects.Wait(plan.Jobs, cancel);
        var cpu = Cpu.Now(process.Id, backend) - began;
        var drained = await effects.Rate(cancel);

        await Forget(cancel);
        await process.Do(string.Create(CultureInfo.InvariantCulture, $"pace 2000001 {plan.PerSecond} {plan.Seconds}"), cancel);
        await effects.Wait(plan.PerSecond * plan.Seconds, cancel);
        var paced = await effects.Delays(cancel);

        await Forget(cancel);
        await process.Do(string.Create(CultureInfo.InvariantCulture, $"queue 3000001 {plan.Loaded}"), cancel);
        await effects.Wait(plan.Loaded, cancel);
        return new RunFigures(
            drained, cpu.SideSeconds * 1e6 / (plan.Jobs - done), cpu.DatabaseSeconds * 1e6 / (plan.Jobs - done),
            paced, await effects.WholeRate(cancel), await effects.Delays(cancel));
    }

    /// <summary>
    /// Each process finds a backlog, works on it, and queues more meanwhile, until it is killed. The last one works until nothing happens.
    /// </summary>
    private async Task<KillFigures> Kill(SideOptions side, CancellationToken cancel)
    {
        var random = new Random(20261125);
        await effects.Clear(cancel);
        await using (var first = await SideProcess.Start(side, Address(side), cancel))
            await first.Do(string.Create(CultureInfo.InvariantCulture, $"queue 1 {plan.Jobs}"), cancel);
        var midway = 0;
        for (var kill = 1; kill <= plan.Kills; kill++)
        {
            var enough = plan.Jobs * kill / (plan.Kills + 1);
            var process = await SideProcess.Start(side, Address(side), cancel);
            await process.Do("work", cancel);
            await process.Do(string.Create(CultureInfo.InvariantCulture, $"load {kill * 1_000_000L}"), cancel);
            while (await effects.Count(cancel) < enough)
                await Task.Delay(1, cancel);
            await Task.Delay(random.Next(0, 15), cancel);
            await process.Kill();
            midway += (await effects.Fates(cancel)).Lost > 0 ? 1 : 0;
        }

        var killed = TimeProvider.System.GetTimestamp();
        await using var last = await SideProcess.Start(side, Address(side), cancel);
        await last.Do("work", cancel);
        var (seen, since, whole) = (-1L, killed, TimeSpan.Zero);
        while (TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(30))
        {
            if (await effects.Count(cancel) is var now && now != seen)
            {
                (seen, since) = (now, TimeProvider.System.GetTimestamp());
                whole = TimeProvider.System.GetElapsedTime(killed);
            }

            await Task.Delay(200, cancel);
        }

        return new KillFigures(plan.Kills, midway, await effects.Fates(cancel), whole);
    }

    /// <summary>Ours as the product connects; the others with prepared statements, too, and PostgreSQL's own choice of plans.</summary>
    private string Address(SideOptions side)
    {
        var address = new NpgsqlConnectionStringBuilder(database.Address) { MaxPoolSize = side.Workers + 20 };
        if (side.Name != "caraway")
            address.Options = null;
        return address.ConnectionString;
    }

    private Task Forget(CancellationToken cancel) => database.Execute("truncate peers.changes, peers.effects", cancel);
}

/// <param name="Drained">Jobs a second of a full queue.</param>
/// <param name="SideCpu">Processor time of the side for each of these jobs, in microseconds.</param>
/// <param name="DatabaseCpu">The same of the database.</param>
/// <param name="Paced">Under an even load.</param>
/// <param name="Whole">Jobs a second while eight callers queue as fast as they can, from the first commit to the last effect.</param>
/// <param name="Loaded">The delays of the same.</param>
internal sealed record RunFigures(double Drained, double SideCpu, double DatabaseCpu, Delay Paced, double Whole, Delay Loaded);

/// <param name="Midway">How many of the kills left jobs behind.</param>
/// <param name="Whole">From the last kill to the last effect.</param>
internal sealed record KillFigures(int Kills, int Midway, Fate Fate, TimeSpan Whole);

/// <summary>All that was found of a side.</summary>
internal sealed record SideFigures(SideOptions Side, IReadOnlyList<RunFigures> Runs, KillFigures? Kills)
{
    /// <summary>The middle one of the runs, by each figure alone.</summary>
    public double Median(Func<RunFigures, double> figure) => Runs.Select(figure).Order().ElementAt(Runs.Count / 2);
}
