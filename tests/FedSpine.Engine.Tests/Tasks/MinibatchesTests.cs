using FedSpine.Engine.Tasks;

namespace FedSpine.Engine.Tests.Tasks;

public sealed class MinibatchesTests
{
    [Fact]
    public void Every_epoch_holds_every_example_once_in_another_order()
    {
        var batches = new Minibatches([.. Enumerable.Range(100, 10)], 4, seed: 5, 1, 2);
        var drawn = new List<int>();
        for (int i = 0; i < 10; i++)
            drawn.AddRange(batches.Next());
        var epochs = drawn.Chunk(10).ToList();
        Assert.All(epochs, epoch => Assert.Equal(Enumerable.Range(100, 10), epoch.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
    }

    [Fact]
    public void Going_on_from_a_position_gives_what_would_have_come()
    {
        int[] examples = [.. Enumerable.Range(0, 23)];
        var whole = new Minibatches(examples, 5, seed: 9);
        var all = Enumerable.Range(0, 20).Select(_ => whole.Next().ToArray()).ToList();
        var resumed = new Minibatches(examples, 5, seed: 9) { Position = 13 };
        for (int i = 13; i < 20; i++)
            Assert.Equal(all[i], resumed.Next().ToArray());
    }

    [Fact]
    public void Few_examples_make_a_small_batch() => Assert.Equal(3, new Minibatches([1, 2, 3], 8, seed: 1).Size);
}
