// Templates, exceptions, containers, threads; prints the same everywhere.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

struct shape {
    virtual ~shape() = default;
    virtual double area() const = 0;
};
struct square : shape {
    double a;
    explicit square(double side) : a(side) {}
    double area() const override { return a * a; }
};
struct circle : shape {
    double r;
    explicit circle(double radius) : r(radius) {}
    double area() const override { return 3.14159265358979 * r * r; }
};

template <int N> struct fib { static constexpr long value = fib<N - 1>::value + fib<N - 2>::value; };
template <> struct fib<1> { static constexpr long value = 1; };
template <> struct fib<0> { static constexpr long value = 0; };

static int thrower(int depth)
{
    auto guard = std::make_unique<std::string>("guard");
    if (depth == 0)
        throw std::runtime_error("from the bottom");
    return thrower(depth - 1) + static_cast<int>(guard->size());
}

int main()
{
    std::cout << fib<60>::value << '\n';
    std::vector<std::unique_ptr<shape>> shapes;
    for (int i = 1; i <= 1000; i++)
        shapes.push_back(i % 2 ? std::unique_ptr<shape>(new square(i)) : std::unique_ptr<shape>(new circle(i)));
    double total = 0;
    for (const auto &s : shapes)
        total += s->area();
    std::cout.precision(15);
    std::cout << total << '\n';

    int caught = 0;
    for (int i = 0; i < 2000; i++) {
        try {
            thrower(i % 20);
        } catch (const std::exception &e) {
            caught += static_cast<int>(std::string(e.what()).size());
        }
    }
    std::cout << caught << '\n';

    std::map<std::string, int> tree;
    std::unordered_map<int, std::string> hash;
    for (int i = 0; i < 20000; i++) {
        tree[std::to_string(i * 7919 % 5003)] += i;
        hash[i % 997] += static_cast<char>('a' + i % 26);
    }
    std::cout << tree.size() << ' ' << tree.begin()->first << ' ' << hash[5].size() << ' ' << tree.rbegin()->second << '\n';

    std::mutex lock;
    std::condition_variable ready;
    std::deque<int> queue;
    std::atomic<long> sum{0};
    std::vector<std::thread> consumers;
    for (int t = 0; t < 3; t++)
        consumers.emplace_back([&] {
            for (;;) {
                std::unique_lock<std::mutex> hold(lock);
                ready.wait(hold, [&] { return !queue.empty(); });
                int value = queue.front();
                queue.pop_front();
                hold.unlock();
                if (value < 0)
                    return;
                sum += value;
            }
        });
    for (int i = 0; i < 5000; i++) {
        std::lock_guard<std::mutex> hold(lock);
        queue.push_back(i);
        ready.notify_one();
    }
    for (int t = 0; t < 3; t++) {
        std::lock_guard<std::mutex> hold(lock);
        queue.push_back(-1);
        ready.notify_all();
    }
    for (auto &t : consumers)
        t.join();
    std::cout << sum << '\n';

    auto future = std::async(std::launch::async, [] {
        std::vector<int> numbers(1000);
        std::iota(numbers.begin(), numbers.end(), 1);
        return std::accumulate(numbers.begin(), numbers.end(), 0);
    });
    std::cout << future.get() << '\n';
    std::variant<int, std::string> v = "text";
    std::cout << std::get<std::string>(v) << ' ' << std::regex_replace("a1b22c333", std::regex("[0-9]+"), "<$&>") << '\n';
    std::ostringstream out;
    out << std::hex << 255 << ' ' << std::boolalpha << true;
    std::cout << out.str() << std::endl;
    return 0;
}
