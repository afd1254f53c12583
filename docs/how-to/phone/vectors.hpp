// Test vectors of `export --vectors`: reading them, and saying how far something is from them.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "face.hpp"

// A NumPy file of uint8, float32 or float64 as float; rows and columns beyond the last axis are joined.
inline Image read_npy(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string data((std::istreambuf_iterator<char>(stream)), {});
  if (data.size() < 10 || data.compare(1, 5, "NUMPY") != 0) {
    std::fprintf(stderr, "%s is not there or is no .npy file; write it with `export --vectors`.\n", path.c_str());
    std::exit(2);
  }
  const size_t start = 10 + uint8_t(data[8]) + 256 * uint8_t(data[9]);
  const std::string head = data.substr(10, start - 10);
  std::vector<int> shape;
  const char* text = head.c_str() + head.find('(', head.find("'shape'")) + 1;
  for (char* end; *text && *text != ')'; text = *end == ',' ? end + 1 : end) {
    const long size = std::strtol(text, &end, 10);
    if (end == text) break;
    shape.push_back(int(size));
  }
  while (shape.size() < 3) shape.push_back(1);
  Image image(shape[1], shape[0], shape[2]);
  const char* body = data.data() + start;
  for (size_t i = 0; i < image.v.size(); ++i) {
    if (head.find("u1") != std::string::npos) image.v[i] = uint8_t(body[i]);
    else if (head.find("f4") != std::string::npos) image.v[i] = reinterpret_cast<const float*>(body)[i];
    else image.v[i] = float(reinterpret_cast<const double*>(body)[i]);
  }
  return image;
}

inline bool within(const char* step, const Image& got, const Image& want, float limit) {
  float largest = got.v.size() == want.v.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(got.v.size(), want.v.size()); ++i)
    largest = std::max(largest, std::abs(got.v[i] - want.v[i]));
  std::printf("%-16s differs by at most %g (limit %g)\n", step, largest, limit);
  return largest <= limit;
}

inline Five read_five(const std::string& path) {
  const Image points = read_npy(path);
  Five five;
  for (int i = 0; i < 5; ++i) five[i] = {points.v[2 * i], points.v[2 * i + 1]};
  return five;
}

// Alignment, weight and paste back against the vectors. OpenCV, which Python samples with, rounds places to 1/32 px.
inline bool check_steps(const std::string& folder, const Image& crop, const Matrix& matrix, const Image& weight,
                        const Image& pasted, float slack) {
  Image found(3, 2, 1);
  for (int i = 0; i < 6; ++i) found.v[i] = float(matrix[i]);
  bool good = within("crop_from_frame", found, read_npy(folder + "crop_from_frame.npy"), 1e-3f);
  good &= within("crop", crop, read_npy(folder + "crop.npy"), 2);
  good &= within("weight", weight, read_npy(folder + "weight.npy"), 0.001f + slack);
  return within("pasted", pasted, read_npy(folder + "pasted.npy"), 2 + 100 * slack) && good;
}

// A face of channel planes in [0, 1], as the network draws it, as the pixels that are pasted.
inline Image pixels_of(const Image& planes) {
  const int side = planes.w;
  Image face(side, side, 3);
  for (int k = 0; k < 3; ++k)
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x)
        face.at(x, y, k) = std::clamp(std::nearbyint(planes.v[(size_t(k) * side + y) * side + x] * 255), 0.f, 255.f);
  return face;
}
