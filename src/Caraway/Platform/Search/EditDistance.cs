namespace Caraway.Platform.Search;

/// <summary>
/// The number of letters to change, add, leave out or swap with their neighbour to get from one word to another (Damerau's distance, with
/// each part of a word changed once).
/// </summary>
internal static class EditDistance
{
    public static int Between(string one, string other)
    {
        var (before, last, now) = (new int[other.Length + 1], new int[other.Length + 1], new int[other.Length + 1]);
        for (var j = 0; j <= other.Length; j++)
            last[j] = j;
        for (var i = 1; i <= one.Length; i++)
        {
            now[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var change = last[j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1);
                now[j] = Math.Min(change, Math.Min(last[j], now[j - 1]) + 1);
                if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                    now[j] = Math.Min(now[j], before[j - 2] + 1);
            }

            (before, last, now) = (last, now, before);
        }

        return last[other.Length];
    }

    /// <summary>Whether a word of this length can be meant: a short word may have one mistake, a long one three.</summary>
    public static bool IsNear(int distance, int length) => distance <= (length < 5 ? 1 : length < 9 ? 2 : 3);
}
