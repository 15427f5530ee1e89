namespace Caraway.Platform.Hosting;

/// <summary>How long what failed waits before its next try: twice as long each time up to ten minutes, give or take a quarter.</summary>
internal static class Backoff
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <param name="attempt">The how-manieth try it was that failed, from 1.</param>
    /// <param name="chance">0 to 1, so that what failed together is not tried together.</param>
    public static TimeSpan Delay(int attempt, double chance)
    {
        var doubled = First * Math.Pow(2, Math.Min(attempt - 1, 20));
        return (doubled < Longest ? doubled : Longest) * (0.75 + chance / 2);
    }
}
