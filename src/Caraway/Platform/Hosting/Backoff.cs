namespace Caraway.Platform.Hosting;

/// <summary>The time between a failed attempt and the next one: doubled each time up to ten minutes, plus or minus a quarter.</summary>
internal static class Backoff
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <param name="attempt">Number of the failed attempt, starting at 1.</param>
    /// <param name="chance">A random number from 0 to 1. It spreads attempts that failed at the same time.</param>
    public static TimeSpan Delay(int attempt, double chance)
    {
        var doubled = First * Math.Pow(2, Math.Min(attempt - 1, 20));
        return (doubled < Longest ? doubled : Longest) * (0.75 + chance / 2);
    }
}
